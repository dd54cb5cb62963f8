#include "hvctl/domain_memory.hpp"

#include <fmt/format.h>

#include "hvctl/try.hpp"

namespace hvctl {

namespace {

// The frames from `first` on that an access touches.
Result<std::span<const Mfn>> touched(std::span<const Mfn> frames, Pfn first, std::uint64_t offset,
                                     std::uint64_t length) {
    const std::uint64_t size = frames.size() * kPageSize;
    const std::uint64_t start = first.raw <= frames.size() ? first.raw * kPageSize : size;
    if (first.raw <= frames.size() && offset <= size - start && length <= size - start - offset) {
        return frames.subspan(first.raw);
    }
    return fail(ErrorCode::TooLarge, fmt::format("{} bytes at byte {} of frame {} are beyond the domain's {} frames",
                                                 length, offset, first.raw, frames.size()));
}

}  // namespace

Result<void> PopulatedMemory::write(Pfn first, std::uint64_t offset, std::span<const std::byte> data) {
    return control_.copy_to_domain(domain_, TRY(touched(frames_, first, offset, data.size())), offset, data);
}

Result<void> PopulatedMemory::zero(Pfn first, std::uint64_t offset, std::uint64_t length) {
    return control_.zero_memory(domain_, TRY(touched(frames_, first, offset, length)), offset, length);
}

}  // namespace hvctl
