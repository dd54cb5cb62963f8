// Dom0's memory while it is being built: frames by their pseudo-physical number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

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

    // Gives the domain `frames` frames, in blocks as large as there are; their contents are whatever the machine left.
    Result<> populate(Domain& domain, std::uint64_t frames);
    void clear(std::uint64_t frames);  // the first ones

    std::uint64_t frames() const { return count_; }
    Mfn mfn(std::uint64_t pfn) const { return Mfn{list_[pfn]}; }
    const std::uint64_t* list() const { return list_; }
    // hv's view of a page of it.
    void* page(std::uint64_t pfn) const;
    // Copies to pseudo-physical address `to`; the caller keeps it inside.
    void write(std::uint64_t to, std::span<const std::byte> data);

  private:
    std::uint64_t* list_ = nullptr;  // pfn to mfn
    unsigned order_ = 0;
    std::uint64_t count_ = 0;
};

}  // namespace hv::x86
