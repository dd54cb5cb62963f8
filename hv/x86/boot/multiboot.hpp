// Decodes Multiboot 1 and 2 information (Multiboot Specification 0.6.96, "Boot information format"; Multiboot2
// Specification 2.0, "Boot information").
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/x86/boot/boot_info.hpp"

namespace hv::x86 {

inline constexpr std::uint32_t kMultiboot1Magic = 0x2bad'b002;  // what the loader leaves in eax
inline constexpr std::uint32_t kMultiboot2Magic = 0x36d7'6289;

// Turns physical bytes into something readable; null when they are out of reach.
class PhysicalView {
  public:
    virtual const void* at(std::uint64_t physical, std::size_t size) const = 0;

  protected:
    ~PhysicalView() = default;
};

// Error::BadArgument: neither magic; Error::Fault: the information is out of reach or runs past its end.
Result<void> decode_multiboot(std::uint32_t magic, std::uint32_t info, const PhysicalView& memory, BootInfo& out);

}  // namespace hv::x86
