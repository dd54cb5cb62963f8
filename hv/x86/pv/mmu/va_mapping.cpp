// update_va_mapping: one entry of the page table that is loaded, by the address that it maps, with the flush that goes
// with it.
#include "hv/abi/xen/mmu.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/pv/mmu/entry_update.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/mmu/mmu_hypercalls.hpp"
#include "hv/x86/pv/mmu/table_lock.hpp"
#include "hv/x86/pv/mmu/tlb.hpp"
#include "hv/x86/vcpu/vcpu_mask.hpp"

namespace hv::x86 {
namespace {

Result<> flush(std::uint64_t flags, GuestVirtual address) {
    const std::uint64_t kind = flags & abi::xen::kUvmfFlushtypeMask;
    if (kind == abi::xen::kUvmfNone) return {};
    const std::uint64_t whom = flags & ~abi::xen::kUvmfFlushtypeMask;
    const bool whole = kind == abi::xen::kUvmfTlbFlush;
    if (whom == abi::xen::kUvmfLocal) {
        whole ? flush_local() : flush_local_page(address);
        return {};
    }
    Domain& domain = current_domain();
    const CpuSet cpus =
        whom == abi::xen::kUvmfAll ? cpus_of(domain) : cpus_of(domain, TRY(fetch_vcpu_mask(GuestVirtual{whom})));
    whole ? flush_cpus(cpus) : flush_cpus_page(cpus, address);
    return {};
}

HypercallResult update(GuestVirtual address, Pte value, std::uint64_t flags, DomainId frame_owner) {
    Vcpu& vcpu = current_vcpu();
    TRY(finish_unfinished(vcpu));
    const Mfn l1 = guest_l1_table(vcpu, address);
    if (l1 == kInvalidMfn) return fail(Error::BadArgument);
    FrameInfo* info = TRY(get_frame(l1, vcpu.domain.id));
    Result<> done = lock_l1_table(*info, Preemption::Allowed);
    if (done) {
        done = update_entry(*info, 1, index_in(1, address.raw), value, vcpu.domain, frame_owner, false);
        unlock_table(*info);
    }
    put_frame(*info);
    TRY(done);
    TRY(flush(flags, address));
    return 0;
}

}  // namespace

HypercallResult do_update_va_mapping(HypercallArguments& arguments) {
    return update(GuestVirtual{arguments.value[0]}, arguments.value[1], arguments.value[2], current_domain().id);
}

HypercallResult do_update_va_mapping_otherdomain(HypercallArguments& arguments) {
    const DomainId owner = TRY(frame_owner_for(static_cast<std::uint16_t>(arguments.value[3])));
    return update(GuestVirtual{arguments.value[0]}, arguments.value[1], arguments.value[2], owner);
}

}  // namespace hv::x86
