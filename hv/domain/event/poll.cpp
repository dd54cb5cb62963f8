// vCPUs that wait for ports in SCHEDOP_poll.
#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"

namespace hv {

constexpr EventPort kAnyPort{~std::uint32_t{0}};

// The poller announces itself and then looks at its ports; a deliverer makes a port pending and then looks for pollers.
// The two fences order each pair, so that at least one of them sees the other.
void EventChannels::start_polling(Vcpu& vcpu) {
    vcpu.poll_port.store(kAnyPort, std::memory_order_relaxed);
    pollers_.set(vcpu.id);
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool EventChannels::stop_polling(Vcpu& vcpu) {
    if (!pollers_.clear(vcpu.id)) return false;
    vcpu.poll_port.store(kNoPort, std::memory_order_relaxed);
    return true;
}

void EventChannels::wake_pollers(EventPort port) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const VcpuSet pollers = pollers_.snapshot();
    if (pollers.empty()) return;
    for_each_bit(pollers, [&](VcpuId id) {
        Vcpu* vcpu = domain_->vcpu(id);
        const EventPort wanted = vcpu->poll_port.load(std::memory_order_relaxed);
        if ((wanted == kAnyPort || wanted == kNoPort || wanted == port) && stop_polling(*vcpu)) vcpu->unblock();
    });
}

Result<bool> EventChannels::is_pending(EventPort port) {
    if (port == kNoPort || port.raw >= port_limit()) return fail(Error::BadArgument);
    EventChannel* channel = find(port);
    if (!channel) return false;
    Guard guard{channel->lock};
    if (channel->state == EventState::Free || channel->state == EventState::Reserved) return false;
    return pending_now(*channel);
}

}  // namespace hv
