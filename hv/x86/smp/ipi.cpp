// Requests to other CPUs. To ask, a CPU sets the target's request flag, then sends the interrupt. A target that has
// interrupts off finds the flag in spin_pause().
#include "hv/x86/smp/ipi.hpp"

#include "hv/base/spinlock.hpp"
#include "hv/x86/apic/interrupts.hpp"
#include "hv/x86/apic/local_apic.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/smp/cpu_calls.hpp"
#include "hv/x86/smp/tlb_clock.hpp"

namespace hv::x86 {
namespace {

constinit CpuSet online{};

void ask(CpuId target, std::uint32_t request) {
    PerCpu& cpu = cpu_data(target);
    cpu.requests.fetch_or(request, std::memory_order_release);
    send_ipi(cpu.apic_id, kVectorCall);
}

}  // namespace

CallPost& call_post(CpuId cpu) {
    return cpu_data(cpu).calls;
}

void announce_call(CpuId cpu) {
    ask(cpu, kRequestCall);
}

void mark_online(CpuId cpu) {
    online.set(cpu);
    cpu_data(cpu).online.store(true, std::memory_order_release);
}

void answer_requests() {
    PerCpu& self = per_cpu();
    const std::uint32_t requests = self.requests.exchange(0, std::memory_order_acquire);
    if (requests & kRequestFlush) flush_local_tlb();
    if (requests & kRequestCall) answer_calls();
}

void request_flush_everywhere() {
    for_each_bit(online, [](CpuId cpu) { ask(cpu, kRequestFlush); });
}

void send_nmi(CpuId cpu) {
    send_ipi_nmi(cpu_data(cpu).apic_id);
}

void send_nmi_to_others() {
    const CpuId self = per_cpu().id;
    for_each_bit(online, [self](CpuId cpu) {
        if (cpu != self) send_nmi(cpu);
    });
}

}  // namespace hv::x86

namespace hv {

using namespace x86;

const CpuSet& online_cpus() {
    return online;
}

void kick_cpu(CpuId cpu) {
    send_ipi(cpu_data(cpu).apic_id, kVectorKick);
}

void spin_pause() {
    if (per_cpu().requests.load(std::memory_order_relaxed) != 0) answer_requests();
    pause();
}

}  // namespace hv
