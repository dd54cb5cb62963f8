// The kernel loader and the layout of what it accepts, under libFuzzer. Nothing may crash, read outside its input or
// take more memory than the limit; whatever is accepted must keep the promises of its header.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "hvctl/kernel_image.hpp"
#include "hvctl/pv_layout.hpp"

namespace {

constexpr std::uint64_t kMaxImage = 4u << 20;
constexpr std::uint64_t kPages = 64 * 256;

void require(bool holds) {
    if (!holds) std::abort();
}

void check_segments(const hvctl::KernelImage& image) {
    std::uint64_t end = 0;
    for (const hvctl::KernelSegment& segment : image.segments) {
        require(segment.physical >= end && segment.file_size <= segment.memory_size);
        require(segment.file_offset + segment.file_size <= image.elf.size());
        end = segment.physical + segment.memory_size;
        require(end >= segment.physical);
    }
}

void check_layout(const hvctl::PvLayout& layout) {
    require(layout.kernel.end().raw <= layout.initial.frames.count && layout.initial.frames.count <= kPages);
    require(layout.p2m.end().raw <= kPages && layout.initrd.end().raw <= kPages);
    require(layout.tables.total() == layout.page_tables.count);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto image = hvctl::parse_kernel(std::as_bytes(std::span{data, size}), kMaxImage);
    if (!image) return 0;
    check_segments(*image);
    if (const auto layout = hvctl::plan_pv_layout(*image, 100'000, kPages)) check_layout(*layout);
    return 0;
}
