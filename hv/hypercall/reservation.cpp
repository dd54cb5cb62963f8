#include "hv/hypercall/reservation.hpp"

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {
namespace {

using namespace abi::xen;

unsigned address_bits(const MemoryReservation& request) {
    const unsigned bits = request.mem_flags & kMemfAddressBitsMask;
    return bits == 0 || bits > 63 ? 64 : bits;
}

Result<> add_extent(Domain& domain, const MemoryReservation& request, std::uint64_t index, bool populate) {
    const GuestVirtual list{request.extent_start};
    std::uint64_t pfn = 0;
    if (populate) pfn = TRY(fetch_at<std::uint64_t>(list, index));
    const Mfn first = TRY(allocate_domain_frames(domain, request.extent_order, address_bits(request)));
    if (populate)
        for (std::uint64_t i = 0; i < std::uint64_t{1} << request.extent_order; ++i) set_m2p(first + i, pfn + i);
    if (list.raw != 0) return store_at(list, index, gfn_of(domain, first).raw);
    return {};
}

Result<> remove_extent(Domain& domain, const MemoryReservation& request, std::uint64_t index) {
    const std::uint64_t first = TRY(fetch_at<std::uint64_t>(GuestVirtual{request.extent_start}, index));
    for (std::uint64_t i = 0; i < std::uint64_t{1} << request.extent_order; ++i) {
        FrameInfo* info = TRY(get_guest_frame(domain, Gfn{first + i}));
        const bool released = release_frame(*info);
        put_frame(*info);
        if (!released) return fail(Error::BadArgument);
    }
    return {};
}

}  // namespace

HypercallResult change_reservation(MemoryCommand command, HypercallArguments& arguments) {
    const GuestVirtual where{arguments.value[1]};
    std::uint64_t index = arguments.value[0] >> kMemoryCommandBits;
    const auto request = fetch<MemoryReservation>(where);
    if (!request || index > request->nr_extents) return index;
    if (request->nr_extents > (~std::uint64_t{0} >> kMemoryCommandBits)) return index;
    const Result<DomainRef> domain = find_target_domain(DomainId{request->domid});
    if (!domain) return index;
    if (request->extent_order > max_extent_order(current_domain())) return index;
    if (command == MemoryCommand::DecreaseReservation && request->extent_start == 0) return index;
    if (request->mem_flags & (kMemfPopulateOnDemand | kMemfVnode)) return index;  // not on offer
    for (; index < request->nr_extents; ++index) {
        if (index != arguments.value[0] >> kMemoryCommandBits && preemption_needed()) {
            arguments.value[0] = static_cast<std::uint64_t>(command) | (index << kMemoryCommandBits);
            return fail(Error::Restart);
        }
        const Result<> done = command == MemoryCommand::DecreaseReservation
                                  ? remove_extent(**domain, *request, index)
                                  : add_extent(**domain, *request, index, command == MemoryCommand::PopulatePhysmap);
        if (!done) break;
    }
    return index;
}

}  // namespace hv
