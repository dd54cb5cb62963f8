// Hypercalls that change a guest's descriptor tables.
#include "hv/abi/xen/layout.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/hypercalls/guest_setup.hpp"

namespace hv::x86 {

using abi::xen::kFirstReservedGdtEntry;

HypercallResult do_set_gdt(HypercallArguments& arguments) {
    const std::uint64_t entries = arguments.value[1];
    if (entries > kFirstReservedGdtEntry) return fail(Error::BadArgument);
    const auto count = static_cast<unsigned>((entries + 511) / 512);
    std::uint64_t frames[abi::xen::kGdtPages];
    TRY(copy_from_guest(frames, GuestVirtual{arguments.value[0]}, count * sizeof(std::uint64_t)));
    TRY(set_gdt(current_vcpu(), frames, count, static_cast<std::uint32_t>(entries)));
    return 0;
}

HypercallResult do_update_descriptor(HypercallArguments& arguments) {
    const MachineAddress where{arguments.value[0]};
    if (where.raw & 7) return fail(Error::BadArgument);
    const std::uint64_t descriptor = TRY(check_descriptor(arguments.value[1]));
    FrameInfo* info = TRY(get_frame(frame_of(where), current_domain().id));
    // In use as a descriptor table, or plain memory that becomes one later.
    const FrameType type = info->frame_type() == FrameType::Descriptor && info->type_count() != 0
                               ? FrameType::Descriptor
                               : FrameType::Writable;
    const Result<> typed = get_frame_type(*info, type, Preemption::Allowed);
    if (typed) {
        auto* entry = static_cast<std::uint64_t*>(frame_pointer(frame_of(where))) + where.offset_in_page() / 8;
        __atomic_store_n(entry, descriptor, __ATOMIC_RELEASE);
        put_frame_type(*info);
    }
    put_frame(*info);
    TRY(typed);
    return 0;
}

}  // namespace hv::x86
