#include "tests/guest/lib/events.hpp"

#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

namespace guest {
namespace {

__extension__ using Wide = unsigned __int128;

volatile u64 upcalls[kTwoLevelPorts];
volatile u64 upcall_vcpus[kTwoLevelPorts];

bool test_and_clear(u64& word, unsigned bit) {
    return __atomic_fetch_and(&word, ~(1ull << bit), __ATOMIC_SEQ_CST) >> bit & 1;
}

}  // namespace

long bind_virq(Virq virq, u32 vcpu) {
    EventChannelBindVirq op{static_cast<u32>(virq), vcpu, 0};
    const long result = event_op(EventChannelCommand::BindVirq, &op);
    return result ? result : static_cast<long>(op.port);
}

long bind_ipi(u32 vcpu) {
    EventChannelBindIpi op{vcpu, 0};
    const long result = event_op(EventChannelCommand::BindIpi, &op);
    return result ? result : static_cast<long>(op.port);
}

long alloc_unbound(u16 domid, u16 remote) {
    EventChannelAllocUnbound op{domid, remote, 0};
    const long result = event_op(EventChannelCommand::AllocUnbound, &op);
    return result ? result : static_cast<long>(op.port);
}

long bind_interdomain(u16 remote, u32 port) {
    EventChannelBindInterdomain op{remote, 0, port, 0};
    const long result = event_op(EventChannelCommand::BindInterdomain, &op);
    return result ? result : static_cast<long>(op.local_port);
}

long close_port(u32 port) {
    EventChannelClose op{port};
    return event_op(EventChannelCommand::Close, &op);
}

long send(u32 port) {
    EventChannelSend op{port};
    return event_op(EventChannelCommand::Send, &op);
}

long unmask(u32 port) {
    EventChannelUnmask op{port};
    return event_op(EventChannelCommand::Unmask, &op);
}

long port_status(u32 port, EventChannelStatus& status) {
    status = {};
    status.domid = kDomidSelf;
    status.port = port;
    return event_op(EventChannelCommand::Status, &status);
}

bool port_pending(u32 port) {
    return __atomic_load_n(&shared_info().evtchn_pending[port / 64], __ATOMIC_SEQ_CST) >> (port % 64) & 1;
}
void clear_pending(u32 port) {
    test_and_clear(shared_info().evtchn_pending[port / 64], port % 64);
}
void mask_port(u32 port) {
    __atomic_fetch_or(&shared_info().evtchn_mask[port / 64], 1ull << (port % 64), __ATOMIC_SEQ_CST);
}
bool port_masked(u32 port) {
    return __atomic_load_n(&shared_info().evtchn_mask[port / 64], __ATOMIC_SEQ_CST) >> (port % 64) & 1;
}

u64 upcall_count(u32 port) {
    return upcalls[port];
}
u64 last_upcall_vcpu(u32 port) {
    return upcall_vcpus[port];
}

void handle_upcall() {
    SharedInfo& shared = shared_info();
    VcpuInfo& info = this_vcpu().info();
    __atomic_store_n(&info.evtchn_upcall_pending, u8{0}, __ATOMIC_SEQ_CST);
    u64 words = __atomic_exchange_n(&info.evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    for (; words; words &= words - 1) {
        const auto word = static_cast<unsigned>(__builtin_ctzll(words));
        u64 bits = __atomic_load_n(&shared.evtchn_pending[word], __ATOMIC_SEQ_CST) &
                   ~__atomic_load_n(&shared.evtchn_mask[word], __ATOMIC_SEQ_CST);
        for (; bits; bits &= bits - 1) {
            const auto bit = static_cast<unsigned>(__builtin_ctzll(bits));
            if (!test_and_clear(shared.evtchn_pending[word], bit)) continue;
            upcall_vcpus[word * 64 + bit] = this_vcpu().id;
            upcalls[word * 64 + bit] = upcalls[word * 64 + bit] + 1;
        }
    }
}

void enable_events() {
    VcpuInfo& info = this_vcpu().info();
    __atomic_store_n(&info.evtchn_upcall_mask, u8{0}, __ATOMIC_SEQ_CST);
    // Whatever became pending while masked is delivered on the way back from any hypercall.
    if (__atomic_load_n(&info.evtchn_upcall_pending, __ATOMIC_SEQ_CST)) xen_version(VersionCommand::Version, nullptr);
}

void disable_events() {
    __atomic_store_n(&this_vcpu().info().evtchn_upcall_mask, u8{1}, __ATOMIC_SEQ_CST);
}

void wait_for_upcall(u32 port, u64 seen) {
    disable_events();
    while (upcall_count(port) <= seen) {
        sched_op(SchedCommand::Block, nullptr);  // enables events
        disable_events();
    }
    enable_events();
}

u64 system_time() {
    const volatile VcpuTimeInfo& time = this_vcpu().info().time;
    for (;;) {
        const u32 version = time.version;
        asm volatile("lfence" : : : "memory");
        u32 low, high;
        asm volatile("rdtsc" : "=a"(low), "=d"(high));
        u64 delta = (u64{high} << 32 | low) - time.tsc_timestamp;
        delta = time.tsc_shift >= 0 ? delta << time.tsc_shift : delta >> -time.tsc_shift;
        const u64 now = time.system_time + static_cast<u64>(Wide{delta} * time.tsc_to_system_mul >> 32);
        asm volatile("lfence" : : : "memory");
        if (!(version & 1) && version == time.version) return now;
    }
}

}  // namespace guest
