#include "hv/x86/pv/mmu/base_pointers.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/entry_update.hpp"
#include "hv/x86/pv/mmu/hv_slots.hpp"
#include "hv/x86/pv/mmu/roots.hpp"
#include "hv/x86/pv/mmu/tlb.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

Result<FrameInfo*> take(Vcpu& vcpu, Mfn l4) {
    return get_frame_and_type(l4, vcpu.domain.id, FrameType::L4, Preemption::Allowed);
}

Pte* table_at(const FrameInfo& info) {
    return static_cast<Pte*>(frame_pointer(frame_number(info)));
}

Result<> drop(Vcpu& vcpu, FrameInfo*& table) {
    if (!table) return {};
    put_table(vcpu, *table);
    table = nullptr;
    return finish_unfinished(vcpu);
}

}  // namespace

Result<> set_kernel_table(Vcpu& vcpu, Mfn l4) {
    TRY(finish_unfinished(vcpu));
    FrameInfo* taken = TRY(take(vcpu, l4));
    if (show_m2p(table_at(*taken))) root_changed(vcpu.domain);
    PvVcpu& arch = pv(vcpu);
    FrameInfo* old = arch.kernel_table;
    arch.kernel_table = taken;
    arch.kernel_cr3 = address_of(l4).raw;
    if (&vcpu == &current_vcpu()) load_page_table(vcpu);
    if (old) put_table(vcpu, *old);
    return {};
}

Result<> set_user_table(Vcpu& vcpu, Mfn l4) {
    TRY(finish_unfinished(vcpu));
    FrameInfo* taken = l4.raw != 0 ? TRY(take(vcpu, l4)) : nullptr;
    PvVcpu& arch = pv(vcpu);
    // Not of a kernel that uses one table for both modes: it has chosen what its programs see.
    if (taken && taken != arch.kernel_table && hide_m2p(table_at(*taken))) {
        root_made(vcpu.domain);
        flush_cpus(cpus_of(vcpu.domain));
    }
    FrameInfo* old = arch.user_table;
    arch.user_table = taken;
    arch.user_cr3 = address_of(l4).raw;
    if (old) put_table(vcpu, *old);
    return {};
}

Result<> drop_tables(Vcpu& vcpu) {
    TRY(finish_unfinished(vcpu));
    TRY(drop(vcpu, pv(vcpu).user_table));
    return drop(vcpu, pv(vcpu).kernel_table);
}

Result<> PvGuest::relinquish_vcpu(Vcpu& vcpu) const {
    TRY(drop_tables(vcpu));
    release_gdt(vcpu);
    release_ldt(vcpu);
    return {};
}

}  // namespace hv::x86
