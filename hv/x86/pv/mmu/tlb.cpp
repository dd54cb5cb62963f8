#include "hv/x86/pv/mmu/tlb.hpp"

#include "hv/domain/domain.hpp"
#include "hv/machine/tlb.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/smp/ipi.hpp"

namespace hv {
namespace x86 {

std::uint64_t cr3_of(const Vcpu& vcpu) {
    const PvVcpu& arch = pv(vcpu);
    return arch.kernel_mode ? arch.kernel_cr3 : arch.user_cr3;
}

void load_page_table(const Vcpu& vcpu) {
    write_cr3(cr3_of(vcpu));
}

void flush_local() {
    flush_local_tlb();
}

void flush_local_page(GuestVirtual address) {
    invalidate_page(address.raw);
}

void flush_cpus(const CpuSet& cpus) {
    flush_tlb(cpus);
}

void flush_cpus_page(const CpuSet& cpus, GuestVirtual address) {
    flush_tlb_page(cpus, address.raw);
}

void flush_caches() {
    asm volatile("wbinvd" : : : "memory");
}

CpuSet cpus_of(const Domain& domain) {
    return domain.dirty_cpus.snapshot();
}

CpuSet cpus_of(const Domain& domain, const VcpuSet& mask) {
    CpuSet cpus;
    for_each_bit(mask, [&](VcpuId id) {
        if (const Vcpu* vcpu = domain.vcpu(id)) cpus.set(vcpu->cpu.load(std::memory_order_acquire));
    });
    return cpus & cpus_of(domain);
}

}  // namespace x86

void flush_frame_from_caches(Mfn frame) {
    constexpr std::size_t kLine = 64;  // of every processor with long mode
    const auto* bytes = static_cast<const std::byte*>(frame_pointer(frame));
    asm volatile("mfence" : : : "memory");
    for (std::size_t at = 0; at < kPageSize; at += kLine) asm volatile("clflush %0" : : "m"(bytes[at]) : "memory");
    asm volatile("mfence" : : : "memory");
}

bool flush_stale_tlbs(DomainId owner, std::uint32_t stamp) {
    // Only the current domain is sure to live on while hv looks at its CPUs.
    const bool is_current = owner != kOwnerNone && owner == current_domain().id;
    const CpuSet stale = x86::stale_cpus(is_current ? x86::cpus_of(current_domain()) : online_cpus(), stamp);
    if (stale.empty()) return false;
    x86::flush_tlb(stale);
    return stale.count() > 1 || !stale.test(current_cpu());
}

}  // namespace hv
