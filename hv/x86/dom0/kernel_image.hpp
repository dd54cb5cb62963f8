// Dom0's kernel: a bzImage or an ELF file, and what it says about itself in its Xen
// notes (public interface, elfnote.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

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
    bool initrd_by_frame = false;  // takes an initrd that is not mapped (MOD_START_PFN)
    std::string_view guest_os;
};

// `file` may be compressed; the parts of the result point into `file` or into frames that `release` gives back, but for
// those that have become a domain's by then. On failure `why` says what is wrong with it.
struct UnpackedKernel {
    std::span<const std::byte> elf;
    Mfn first{0};              // of the unpacked image
    std::uint64_t frames = 0;  // none when the file needed no unpacking
};
Result<UnpackedKernel> unpack_kernel(std::span<const std::byte> file, const char*& why);
void release(UnpackedKernel& kernel);

// Every offset and size in the file is checked. Error::BadArgument with `why`.
Result<KernelImage> parse_kernel(std::span<const std::byte> elf, const char*& why);

// Pages of a file that can become the domain's as they are, without being copied.
struct WholePages {
    std::uint64_t pfn, count;
    const std::byte* from;
};
struct WholePagesOfSegments {
    std::array<WholePages, 16> runs;  // ascending, by number and in the file: no page of either is there twice
    std::size_t count = 0;
};
// Those of an image that begins at a page's start in memory.
WholePagesOfSegments whole_pages(const KernelImage& kernel);

}  // namespace hv::x86
