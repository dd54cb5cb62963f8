// Reservations: giving frames to a domain.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hv/abi/xen/hypercall.hpp"
#include "hv/abi/xen/memory.hpp"
#include "hvctl/try.hpp"
#include "hvctl/xen_calls.hpp"

namespace hvctl {

namespace xen = hv::abi::xen;

namespace {

// 2 MiB extents keep the list short and the guest's memory contiguous.
constexpr unsigned kLargeOrder = 9;
constexpr std::uint64_t kLargeFrames = 1u << kLargeOrder;
constexpr std::uint64_t kExtentsPerCall = 16384;

struct Extents {
    DomainId domain;
    std::uint64_t count;
    unsigned order;
};

// Asks for the extents that the start of `list` names.
std::int64_t reserve(HypercallPort& port, const Extents& extents, const HypercallBuffer& list,
                     const HypercallBuffer& argument) {
    xen::MemoryReservation reservation{};
    reservation.extent_start = list.address();
    reservation.nr_extents = extents.count;
    reservation.extent_order = extents.order;
    reservation.domid = extents.domain.raw;
    std::memcpy(argument.bytes().data(), &reservation, sizeof reservation);
    return port.call(static_cast<std::uint64_t>(xen::HypercallId::MemoryOp),
                     static_cast<std::uint64_t>(xen::MemoryCommand::PopulatePhysmap), argument.address());
}

}  // namespace

Result<std::vector<Mfn>> XenCalls::populate(DomainId domain, Pfn first, std::uint64_t count) const {
    const HypercallBuffer list = TRY(port_.buffers().take(kExtentsPerCall * sizeof(std::uint64_t)));
    const HypercallBuffer argument = TRY(port_.buffers().take(sizeof(xen::MemoryReservation)));
    const auto entries = list.as<std::uint64_t>();
    std::vector<Mfn> frames;
    frames.reserve(count);
    bool large = true;  // until the host runs out of large extents
    while (frames.size() < count) {
        const std::uint64_t left = count - frames.size();
        const Pfn next = first + frames.size();
        const bool use_large = large && left >= kLargeFrames && next.raw % kLargeFrames == 0;
        const unsigned order = use_large ? kLargeOrder : 0;
        // Small extents only up to the next place where a large one could start.
        const std::uint64_t small = large ? std::min(left, kLargeFrames - next.raw % kLargeFrames) : left;
        const std::uint64_t extents = std::min(use_large ? left >> kLargeOrder : small, kExtentsPerCall);
        for (std::uint64_t i = 0; i < extents; ++i) entries[i] = next.raw + (i << order);
        const std::int64_t result = reserve(port_, {domain, extents, order}, list, argument);
        if (result < 0 && !use_large) {
            return std::unexpected(
                hypercall_error(result, fmt::format("cannot give domain {} its memory: {} of {} frames found",
                                                    domain.raw, frames.size(), count)));
        }
        const std::uint64_t done = result < 0 ? 0 : std::min(static_cast<std::uint64_t>(result), extents);
        for (std::uint64_t i = 0; i < done; ++i) {
            for (std::uint64_t n = 0; n < 1ull << order; ++n) frames.push_back(Mfn{entries[i] + n});
        }
        if (done == extents) continue;
        if (!use_large) {
            return fail(ErrorCode::NoMemory,
                        fmt::format("not enough memory for domain {}: it wants {} MiB and got {} MiB before the host's "
                                    "free memory or the domain's maximum ended; stop another domain or take less",
                                    domain.raw, (count + 255) >> 8, frames.size() >> 8));
        }
        large = false;
    }
    return frames;
}

}  // namespace hvctl
