// Dom0's kernel: a bzImage or an ELF file, and what it says about itself in its Xen notes (public interface, elfnote.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hv/base/result.hpp"

namespace hv::x86 {

struct KernelSegment {
    std::uint64_t virtual_address;
    std::uint64_t memory_bytes;
    std::span<const std::byte> data;  // the rest is zero
};

struct KernelImage {
    std::array<KernelSegment, 16> segments;
    std::size_t segment_count = 0;
    std::uint64_t start = 0, end = 0;  // virtual addresses of the whole
    std::uint64_t entry = 0;
    std::uint64_t virt_base = 0;
    std::optional<std::uint64_t> hypercall_page;
    std::optional<std::uint64_t> init_p2m;
    bool initrd_by_frame = false;      // takes an initrd that is not mapped (MOD_START_PFN)
    std::string_view guest_os;
};

// `file` may be compressed; the parts of the result point into `file` or into memory of hv's that `release` gives back.
// On failure `why` says what is wrong with it.
struct UnpackedKernel {
    std::span<const std::byte> elf;
    void* memory = nullptr;  // of the unpacked image, null when the file needed no unpacking
    unsigned order = 0;
};
Result<UnpackedKernel> unpack_kernel(std::span<const std::byte> file, const char*& why);
void release(UnpackedKernel& kernel);

// Every offset and size in the file is checked. Error::BadArgument with `why`.
Result<KernelImage> parse_kernel(std::span<const std::byte> elf, const char*& why);

}  // namespace hv::x86
