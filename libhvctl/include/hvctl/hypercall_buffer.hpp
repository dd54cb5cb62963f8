// Memory for hypercall arguments. hv reads a caller's memory through the page tables as they are at that moment and
// cannot wait for a page to come back, so arguments live in pages that the kernel promises to keep in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "hvctl/file_descriptor.hpp"
#include "hvctl/result.hpp"

namespace hvctl {

class BufferPool;

// A loan from a pool, page-aligned, contents undefined. Must not outlive its pool.
class HypercallBuffer {
  public:
    HypercallBuffer(HypercallBuffer&& other) noexcept;
    HypercallBuffer& operator=(HypercallBuffer&& other) noexcept;
    ~HypercallBuffer();

    [[nodiscard]] std::span<std::byte> bytes() const { return memory_.bytes(); }
    // What hv is told: the buffer's address plus `offset`.
    [[nodiscard]] std::uint64_t address(std::size_t offset = 0) const {
        return reinterpret_cast<std::uintptr_t>(memory_.data()) + offset;
    }
    // The buffer as an array; T must be trivially copyable.
    template <class T>
    [[nodiscard]] std::span<T> as() const {
        return {reinterpret_cast<T*>(memory_.data()), memory_.size() / sizeof(T)};
    }

  private:
    friend class BufferPool;
    HypercallBuffer(BufferPool& pool, Mapping memory) : pool_{&pool}, memory_{std::move(memory)} {}

    BufferPool* pool_;
    Mapping memory_;
};

class BufferPool {
  public:
    // Takes pages from the kernel's hypercall-buffer device when there is one, else locks anonymous memory.
    static BufferPool for_this_kernel();
    // Takes ordinary memory: for tests.
    static BufferPool ordinary() { return BufferPool{Source::Ordinary, UniqueFd{}}; }

    BufferPool(BufferPool&& other) noexcept;
    BufferPool& operator=(BufferPool&&) = delete;
    ~BufferPool() = default;

    // At least `size` bytes, rounded up to pages.
    Result<HypercallBuffer> take(std::size_t size);

  private:
    enum class Source : std::uint8_t { Device, Locked, Ordinary };
    friend class HypercallBuffer;

    BufferPool(Source source, UniqueFd device) : device_{std::move(device)}, source_{source} {}
    Result<Mapping> map(std::size_t size) const;
    void give_back(Mapping memory);

    UniqueFd device_;
    Source source_;
    std::mutex mutex_;
    std::vector<Mapping> idle_;  // kept for the next taker, smallest calls being the most frequent
};

}  // namespace hvctl
