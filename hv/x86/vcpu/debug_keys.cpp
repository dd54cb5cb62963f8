#include "hv/x86/vcpu/debug_keys.hpp"

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/machine/console.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/sched/sched.hpp"
#include "hv/time/timer_queue.hpp"
#include "hv/x86/devices/pirq.hpp"
#include "hv/x86/traps/masked_time.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"
#include "hv/x86/vcpu/trap_counters.hpp"

namespace hv::x86 {
namespace {

template <class Visit>
void for_each_domain(Visit visit) {
    DomainId id;
    while (DomainRef domain = next_domain(id)) {
        visit(*domain);
        id = domain->id.next();
    }
}

void dump_vcpu(const Vcpu& vcpu) {
    const std::uint32_t flags = vcpu.flags.load();
    const abi::xen::VcpuInfo& info_page = *vcpu.info.load();
    info("  vcpu {} cpu {} {}{}{}{} pauses {} upcall pending {} mask {}", vcpu.id, vcpu.cpu.load(),
         vcpu.running.load() ? "running " : "", flags & kVcpuBlocked ? "blocked " : "",
         flags & kVcpuDown ? "down " : "", vcpu.poll_port.load() != kNoPort ? "polling " : "", vcpu.pause_count.load(),
         info_page.evtchn_upcall_pending, info_page.evtchn_upcall_mask);
    if (!vcpu.running.load() && (flags & kVcpuInitialised))
        info("    rip {:016x} rsp {:016x} {}", vcpu.arch->frame.rip, vcpu.arch->frame.rsp,
             kind_of(vcpu.domain).in_kernel(vcpu) ? "kernel" : "user");
}

void dump_domains(char) {
    for_each_domain([](Domain& domain) {
        info("d{}: {} of at most {} frames, {} pauses{}{}", domain.id, domain.frames, domain.max_frames,
             domain.pause_count.load(), domain.shut_down.load() ? ", shut down" : "",
             domain.dying.load() != Dying::Alive ? ", dying" : "");
        for (VcpuId id : ids<VcpuId>(domain.max_vcpus)) dump_vcpu(*domain.vcpu(id));
    });
}

void dump_memory(char) {
    info("memory: {} KiB of {} KiB free, {} KiB claimed", free_frame_count() * 4, machine_frames() * 4,
         claimed_frame_count() * 4);
}

void restart_masked_times(char) {
    dump_masked_times();
    measure_masked_time();
    info("times with interrupts off are measured from now on");
}

}  // namespace

void register_domain_debug_keys() {
    register_debug_key('q', "domains and their vCPUs", dump_domains);
    register_debug_key('e', "event channels",
                       [](char) { for_each_domain([](Domain& domain) { dump_event_channels(domain); }); });
    register_debug_key('g', "grant tables", [](char) { for_each_domain([](Domain& domain) { dump_grants(domain); }); });
    register_debug_key('m', "memory", dump_memory);
    register_debug_key('a', "timers", [](char) { dump_timers(); });
    register_debug_key('r', "run queues", [](char) { dump_run_queues(); });
    register_debug_key('o', "longest times with interrupts off; measures anew", restart_masked_times);
    register_debug_key('i', "physical interrupts", [](char) { dump_pirqs(); });
}

}  // namespace hv::x86
