// HypercallId::MemoryOp: the operations that are not about reservations, and the way to those.
#include "hv/abi/xen/memory.hpp"

#include <algorithm>

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/hypercall/reservation.hpp"
#include "hv/machine/memory_map.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {
namespace {

using namespace abi::xen;

HypercallResult machine_map(GuestVirtual where) {
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    auto map = TRY(fetch<MemoryMap>(where));
    std::uint32_t count = 0;
    E820Entry entry;
    for (; count < map.nr_entries && machine_memory_map(count, entry); ++count)
        TRY(store_at(GuestVirtual{map.buffer}, count, entry));
    map.nr_entries = count;
    TRY(store(where, map));
    return 0;
}

// What pfns a guest may ever use: up to the maximum that it was created with, so that it makes room to grow; what it
// may own at present can be less. Dom0's map is the machine's.
HypercallResult memory_map(GuestVirtual where) {
    const Domain& domain = current_domain();
    if (domain.privileged) return fail(Error::NotImplemented);
    auto map = TRY(fetch<MemoryMap>(where));
    if (map.nr_entries != 0) {
        const std::uint64_t most = std::max(domain.frames, std::min(domain.map_frames, max_mfn()));
        TRY(store_at(GuestVirtual{map.buffer}, 0,
                     E820Entry{0, most << kPageShift, static_cast<std::uint32_t>(E820Type::Ram)}));
        map.nr_entries = 1;
    }
    TRY(store(where, map));
    return 0;
}

HypercallResult mfn_list(GuestVirtual where) {
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    auto list = TRY(fetch<MachphysMfnList>(where));
    std::uint32_t count = 0;
    std::uint64_t mfn;
    for (; count < list.max_extents && machphys_frame(count, mfn); ++count)
        TRY(store_at(GuestVirtual{list.extent_start}, count, mfn));
    list.nr_extents = count;
    TRY(store(where, list));
    return 0;
}

HypercallResult reservation_size(MemoryCommand command, GuestVirtual where) {
    const auto request = TRY(fetch<MemoryDomain>(where));
    const DomainRef domain = TRY(find_target_domain(DomainId{request.domid}));
    if (command == MemoryCommand::CurrentReservation) return domain->frames;
    if (command == MemoryCommand::MaximumReservation) return domain->max_frames;
    return domain->shared_info->arch.max_pfn;
}

HypercallResult claim(GuestVirtual where) {
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    const auto request = TRY(fetch<MemoryReservation>(where));
    if (request.extent_start != 0 || request.extent_order != 0 || request.mem_flags != 0)
        return fail(Error::BadArgument);
    const DomainRef domain = TRY(find_domain(DomainId{request.domid}));
    TRY(set_claim(*domain, request.nr_extents));
    return 0;
}

// Preempted, it goes on where the command's upper bits say.
HypercallResult acquire_resource(HypercallArguments& arguments) {
    const GuestVirtual where{arguments.value[1]};
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    auto request = TRY(fetch<AcquireResource>(where));
    if (request.pad != 0) return fail(Error::BadArgument);
    if (static_cast<ResourceType>(request.type) != ResourceType::GrantTable) return fail(Error::NotSupported);
    const DomainRef domain = TRY(find_domain(DomainId{request.domid}));
    const bool status = request.id == kResourceGrantTableStatus;
    if (!status && request.id != kResourceGrantTableShared) return fail(Error::BadArgument);
    if (request.frame_list == 0) {
        if (request.nr_frames != 0) return fail(Error::BadArgument);
        request.nr_frames = domain->grants.max_frames();
        TRY(store(where, request));
        return 0;
    }
    if (request.nr_frames > domain->grants.max_frames() || request.frame > domain->grants.max_frames())
        return fail(Error::BadArgument);
    const std::uint64_t start = arguments.value[0] >> kMemoryCommandBits;
    for (std::uint64_t i = start; i < request.nr_frames; ++i) {
        Result<Mfn> frame = fail(Error::Restart);
        if (i == start || !preemption_needed())
            frame = grant_frame(*domain, static_cast<std::uint32_t>(request.frame + i), status);
        if (!frame && frame.error() == Error::Restart) {
            arguments.value[0] = static_cast<std::uint64_t>(MemoryCommand::AcquireResource) | i << kMemoryCommandBits;
            return fail(Error::Restart);
        }
        if (!frame) return fail(frame.error());
        TRY(store_at(GuestVirtual{request.frame_list}, i, gfn_of(current_domain(), *frame).raw));
    }
    return 0;
}

}  // namespace

HypercallResult do_memory_op(HypercallArguments& arguments) {
    const auto command = static_cast<MemoryCommand>(arguments.value[0] & ((1u << kMemoryCommandBits) - 1));
    const GuestVirtual where{arguments.value[1]};
    switch (command) {
        case MemoryCommand::IncreaseReservation:
        case MemoryCommand::DecreaseReservation:
        case MemoryCommand::PopulatePhysmap: return change_reservation(command, arguments);
        case MemoryCommand::Exchange: return exchange_memory(arguments);
        case MemoryCommand::MaximumRamPage: return max_mfn() - 1;
        case MemoryCommand::CurrentReservation:
        case MemoryCommand::MaximumReservation:
        case MemoryCommand::MaximumGpfn: return reservation_size(command, where);
        case MemoryCommand::MemoryMap: return memory_map(where);
        case MemoryCommand::MachineMemoryMap: return machine_map(where);
        case MemoryCommand::MachphysMfnList: return mfn_list(where);
        case MemoryCommand::MachphysMapping: TRY(store(where, machphys_mapping())); return 0;
        case MemoryCommand::ClaimPages: return claim(where);
        case MemoryCommand::AcquireResource: return acquire_resource(arguments);
        case MemoryCommand::AddToPhysmap:
        case MemoryCommand::AddToPhysmapBatch:
        case MemoryCommand::RemoveFromPhysmap: return fail(Error::NotSupported);  // of translated guests only
        default: return fail(Error::NotImplemented);
    }
}

}  // namespace hv
