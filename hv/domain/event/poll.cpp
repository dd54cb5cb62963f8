// vCPUs that wait for ports in SCHEDOP_poll.
#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"

namespace hv {

constexpr EventPort kAnyPort = ~EventPort{0};

// The poller announces itself and then looks at its ports; a deliverer makes a port pending and then looks for pollers.
// The two fences order each pair, so that at least one of them sees the other.
void EventChannels::start_polling(Vcpu& vcpu) {
    vcpu.poll_port.store(kAnyPort, std::memory_order_relaxed);
    pollers_.set(vcpu.id);
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool EventChannels::stop_polling(Vcpu& vcpu) {
    if (!pollers_.clear(vcpu.id)) return false;
    vcpu.poll_port.store(0, std::memory_order_relaxed);
    return true;
}

void EventChannels::wake_pollers(EventPort port) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const Bitmap<kMaxVcpus> pollers = pollers_.snapshot();
    if (pollers.empty()) return;
    for_each_bit(pollers, [&](std::size_t id) {
        Vcpu* vcpu = domain_->vcpu(static_cast<VcpuId>(id));
        const EventPort wanted = vcpu->poll_port.load(std::memory_order_relaxed);
        if ((wanted == kAnyPort || wanted == 0 || wanted == port) && stop_polling(*vcpu)) vcpu_unblock(*vcpu);
    });
}

Result<bool> EventChannels::is_pending(EventPort port) {
    if (port == 0 || port >= port_limit()) return fail(Error::BadArgument);
    EventChannel* channel = find(port);
    if (!channel) return false;
    Guard guard{channel->lock};
    if (channel->state == EventState::Free || channel->state == EventState::Reserved) return false;
    return pending_now(*channel);
}

}  // namespace hv
