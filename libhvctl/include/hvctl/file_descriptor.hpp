// Owners of what the operating system hands out: descriptors and mappings.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "hvctl/result.hpp"

namespace hvctl {

class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_{fd} {}
    UniqueFd(UniqueFd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~UniqueFd();

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  private:
    int fd_ = -1;
};

// Opens with O_CLOEXEC; the error names the path.
Result<UniqueFd> open_file(const char* path, int flags);

// A munmap() that happens once. The bytes start page-aligned.
class Mapping {
  public:
    Mapping() = default;
    // Adopts `size` bytes mapped at `address`.
    Mapping(void* address, std::size_t size) : address_{static_cast<std::byte*>(address)}, size_{size} {}
    Mapping(Mapping&& other) noexcept
        : address_{std::exchange(other.address_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(address_, other.address_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Mapping();

    // Private anonymous memory, zeroed.
    static Result<Mapping> anonymous(std::size_t size);
    // The first `size` bytes of a file, read-only.
    static Result<Mapping> file(int fd, std::size_t size);

    // Gives back the pages beyond the first `size` bytes, which must be at least one.
    void shrink(std::size_t size);

    [[nodiscard]] std::byte* data() const { return address_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::span<std::byte> bytes() const { return {address_, size_}; }

  private:
    std::byte* address_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace hvctl
