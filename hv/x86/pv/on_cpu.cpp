// PV guests on the CPUs that run them.
#include "hv/abi/xen/layout.hpp"
#include "hv/base/log.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/segments.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/pv/descriptors/descriptor_windows.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/descriptors/segments.hpp"
#include "hv/x86/pv/hypercalls/register_hypercalls.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/isolation.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/guest_cr4.hpp"
#include "hv/x86/pv/traps/traps.hpp"

namespace hv::x86 {
namespace {

// An interrupt of ring 3 leaves the stack segment null, and AMD's SYSRET takes over what the segment
// says besides its selector (APM volume 3, "SYSRET"): the next vCPU, if it leaves that way, would find
// that 32-bit code of its cannot use its stack.
void load_stack_segment() {
    asm volatile("mov %0, %%ss" : : "r"(std::uint32_t{kKernelData}));
}

}  // namespace

void PvGuest::prepare() const {
    for (CpuId cpu : ids<CpuId>(present_cpus()))
        if (!create_descriptor_windows(cpu, Mfn{cpu_data(cpu).gdt_physical >> kPageShift}))
            panic("no memory for CPU {}'s descriptor tables", cpu);
    if (isolation_at_work()) {
        for (CpuId cpu : ids<CpuId>(present_cpus()))
            if (!create_isolated_roots(cpu)) panic("no memory for CPU {}'s isolated tables", cpu);
    }
    register_pv_hypercalls();
}

void PvGuest::prepare_cpu(CpuId cpu) const {
    load_gdt(gdt_window(cpu) + abi::xen::kFirstReservedGdtByte);
    if (isolation_at_work()) load_tss(per_cpu(), show_tss(cpu));
    enable_syscalls(cpu);
}

void PvGuest::save(Vcpu& vcpu) const {
    save_segments(vcpu);
}

void PvGuest::load(Vcpu& vcpu, TrapFrame& frame) const {
    load_stack_segment();
    load_descriptor_tables(vcpu);
    const bool segments_good = load_segments(vcpu);
    load_time_stamp_disable(vcpu);
    if (!segments_good) [[unlikely]]
        deliver_failsafe(vcpu, frame);
}

void PvGuest::resume() const {
    resume_guest();
}

bool PvGuest::has_address_space(const Vcpu& vcpu) const {
    return read_cr3() == cr3_of(vcpu);
}

void PvGuest::enter_address_space(Vcpu& vcpu) const {
    per_cpu().work.linear_slots = vcpu.domain.linear_tables ? &pv(vcpu.domain).linear_slots : nullptr;
    load_page_table(vcpu);
}

void PvGuest::leave_address_space() const {
    write_cr3(hv_root());
    per_cpu().work.linear_slots = nullptr;
}

}  // namespace hv::x86
