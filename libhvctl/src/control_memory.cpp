// Control operations on a domain's memory.
#include <fmt/format.h>

#include <algorithm>

#include "control_call.hpp"

namespace hvctl {

namespace {

// Bytes that one call copies: large enough that the call itself costs nothing, small enough for the pool.
constexpr std::size_t kChunk = 128 * kPageSize;
// A chunk that starts inside a frame touches one frame more.
constexpr std::size_t kFramesPerChunk = kChunk / kPageSize + 1;
constexpr std::uint32_t kTypesPerCall = 1024;

static_assert(sizeof(Mfn) == sizeof(std::uint64_t), "arrays of frames are passed to hv as they are");

struct Area {
    DomainId domain;
    std::span<const Mfn> frames;
    std::uint64_t offset;
    std::uint64_t length;
};

std::string_view verb(abi::CopyDirection direction) {
    switch (direction) {
        case abi::CopyDirection::ToDomain: return "write to";
        case abi::CopyDirection::FromDomain: return "read from";
        case abi::CopyDirection::Zero: return "clear";
    }
    return "access";
}

Result<void> check(const Area& area) {
    const std::uint64_t size = area.frames.size() * kPageSize;
    if (area.offset <= size && area.length <= size - area.offset) return {};
    return fail(ErrorCode::InvalidArgument,
                fmt::format("{} bytes from byte {} on do not lie within {} frames of domain {}", area.length,
                            area.offset, area.frames.size(), area.domain.raw));
}

// Walks an area chunk by chunk. `before` and `after` see the chunk's bytes in the hypercall buffer and its place in the
// area's data.
template <class Before, class After>
Result<void> copy(HypercallPort& port, abi::CopyDirection direction, const Area& area, Before before, After after) {
    TRY(check(area));
    const std::size_t room = std::min<std::uint64_t>(kChunk, area.length);
    const HypercallBuffer frames = TRY(port.buffers().take(kFramesPerChunk * sizeof(Mfn)));
    const HypercallBuffer data = TRY(port.buffers().take(direction == abi::CopyDirection::Zero ? 1 : room));
    std::uint64_t copied = 0;
    while (copied < area.length) {
        const std::uint64_t at = area.offset + copied;
        const std::uint64_t length = std::min<std::uint64_t>(kChunk, area.length - copied);
        const std::uint64_t first = at / kPageSize;
        const std::uint64_t count = pages_for(at % kPageSize + length);
        std::ranges::copy(area.frames.subspan(first, count), frames.as<Mfn>().begin());
        before(data.bytes(), copied, length);
        abi::CopyMemory argument{};
        argument.frames = frames.address();
        argument.buffer = direction == abi::CopyDirection::Zero ? 0 : data.address();
        argument.offset = at % kPageSize;
        argument.length = length;
        argument.domain = area.domain.raw;
        argument.direction = static_cast<std::uint32_t>(direction);
        auto result = control_call(port, abi::Operation::CopyMemory, argument,
                                   fmt::format("{} memory of domain {}", verb(direction), area.domain.raw));
        if (!result) {
            const std::uint64_t failed = std::min((at % kPageSize + argument.done) / kPageSize, count - 1);
            return std::unexpected(
                std::move(result).error().within(fmt::format("frame {:#x}", area.frames[first + failed].raw)));
        }
        after(data.bytes(), copied, length);
        copied += length;
    }
    return {};
}

constexpr auto kNothing = [](std::span<std::byte>, std::uint64_t, std::uint64_t) {};

}  // namespace

Result<void> Control::copy_to_domain(DomainId domain, std::span<const Mfn> frames, std::uint64_t offset,
                                     std::span<const std::byte> data) const {
    const auto fill = [&](std::span<std::byte> buffer, std::uint64_t at, std::uint64_t length) {
        std::memcpy(buffer.data(), data.data() + at, length);
    };
    return copy(port_, abi::CopyDirection::ToDomain, {domain, frames, offset, data.size()}, fill, kNothing);
}

Result<void> Control::copy_from_domain(DomainId domain, std::span<const Mfn> frames, std::uint64_t offset,
                                       std::span<std::byte> data) const {
    const auto drain = [&](std::span<std::byte> buffer, std::uint64_t at, std::uint64_t length) {
        std::memcpy(data.data() + at, buffer.data(), length);
    };
    return copy(port_, abi::CopyDirection::FromDomain, {domain, frames, offset, data.size()}, kNothing, drain);
}

Result<void> Control::zero_memory(DomainId domain, std::span<const Mfn> frames, std::uint64_t offset,
                                  std::uint64_t length) const {
    return copy(port_, abi::CopyDirection::Zero, {domain, frames, offset, length}, kNothing, kNothing);
}

Result<std::vector<std::uint32_t>> Control::frame_types(DomainId domain, std::span<const Mfn> frames) const {
    const HypercallBuffer numbers = TRY(port_.buffers().take(kTypesPerCall * sizeof(Mfn)));
    const HypercallBuffer types = TRY(port_.buffers().take(kTypesPerCall * sizeof(std::uint32_t)));
    std::vector<std::uint32_t> result;
    result.reserve(frames.size());
    while (result.size() < frames.size()) {
        const std::size_t count = std::min<std::size_t>(kTypesPerCall, frames.size() - result.size());
        std::ranges::copy(frames.subspan(result.size(), count), numbers.as<Mfn>().begin());
        abi::GetFrameTypes argument{};
        argument.frames = numbers.address();
        argument.types = types.address();
        argument.count = static_cast<std::uint32_t>(count);
        argument.domain = domain.raw;
        TRY(control_call(port_, abi::Operation::GetFrameTypes, argument,
                         fmt::format("read frame types of domain {}", domain.raw)));
        const auto chunk = types.as<std::uint32_t>().first(count);
        result.insert(result.end(), chunk.begin(), chunk.end());
    }
    return result;
}

Result<std::vector<OwnedFrame>> Control::owned_frames(DomainId domain) const {
    const abi::DomainInfo info = TRY(this->domain(domain));
    const HypercallBuffer mfns = TRY(port_.buffers().take(info.frames * sizeof(Mfn)));
    const HypercallBuffer pfns = TRY(port_.buffers().take(info.frames * sizeof(Pfn)));
    abi::GetFrameList argument{};
    argument.frames = mfns.address();
    argument.pfns = pfns.address();
    argument.capacity = info.frames;
    argument.domain = domain.raw;
    const auto listed = control_call(port_, abi::Operation::GetFrameList, argument,
                                     fmt::format("list the frames of domain {}", domain.raw));
    if (!listed && listed.error().error_number() == hv::abi::xen::kE2BIG)
        return fail(ErrorCode::NotSupported, "this hv is too old to tell a guest's own frame numbers");
    TRY(listed);
    std::vector<OwnedFrame> frames(std::min(argument.count, info.frames));
    for (std::size_t i = 0; i < frames.size(); ++i) frames[i] = {pfns.as<Pfn>()[i], mfns.as<Mfn>()[i]};
    return frames;
}

Result<std::vector<Mfn>> Control::frame_list(DomainId domain) const {
    const abi::DomainInfo info = TRY(this->domain(domain));
    const HypercallBuffer buffer = TRY(port_.buffers().take(info.frames * sizeof(Mfn)));
    abi::GetFrameList argument{};
    argument.frames = buffer.address();
    argument.capacity = info.frames;
    argument.domain = domain.raw;
    TRY(control_call(port_, abi::Operation::GetFrameList, argument,
                     fmt::format("list the frames of domain {}", domain.raw)));
    const auto frames = buffer.as<Mfn>().first(std::min(argument.count, info.frames));
    return std::vector<Mfn>{frames.begin(), frames.end()};
}

}  // namespace hvctl
