// Dom0's memory while it is being built: frames by their pseudo-physical number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"
#include "hv/x86/dom0/kernel_image.hpp"

namespace hv {
class Domain;
}

namespace hv::x86 {

class Dom0Memory {
  public:
    Dom0Memory() = default;
    ~Dom0Memory();
    Dom0Memory(const Dom0Memory&) = delete;
    Dom0Memory& operator=(const Dom0Memory&) = delete;

    // Gives the domain `frames` frames: those of `pages`, which keep their contents, and others in
    // blocks as large as there are, with whatever the machine left in them. `pages` lie in allocated frames without an
    // owner, and below `frames`.
    Result<> populate(Domain& domain, std::uint64_t frames, std::span<const WholePages> pages);
    void clear(std::uint64_t first, std::uint64_t end);  // without `pages`

    std::uint64_t frames() const { return count_; }
    Mfn mfn(std::uint64_t pfn) const { return Mfn{list_[pfn]}; }
    const std::uint64_t* list() const { return list_; }
    // hv's view of a page of it.
    void* page(std::uint64_t pfn) const;
    // Copies to pseudo-physical address `to`, what is not there already; the caller keeps it inside.
    void write(std::uint64_t to, std::span<const std::byte> data);

  private:
    Result<> add(Domain& domain, std::uint64_t up_to);

    std::uint64_t* list_ = nullptr;  // pfn to mfn
    unsigned order_ = 0;
    std::uint64_t count_ = 0;
    std::span<const WholePages> whole_;
};

}  // namespace hv::x86
