// Two-level ports: a bit per port in the shared page, a bit per 64 ports in the vCPU's info, one byte for the vCPU.
#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/domain/event/fifo.hpp"
#include "hv/domain/guest_word.hpp"

namespace hv {
namespace {

void raise_selector(Vcpu& vcpu, EventPort port) {
    abi::xen::VcpuInfo* info = vcpu.info.load(std::memory_order_acquire);
    if (!set_guest_bit(info->evtchn_pending_sel, port.raw / 64)) vcpu_mark_events_pending(vcpu);
}

}  // namespace

// The order of these steps is the ABI: pending, mask, selector, upcall. The guest takes them in the other direction.
bool EventChannels::two_level_set_pending(Vcpu& vcpu, EventPort port) {
    abi::xen::SharedInfo& shared = *domain_->shared_info;
    if (set_guest_bit(shared.evtchn_pending[port.raw / 64], port.raw % 64)) return false;
    if (!test_guest_bit(shared.evtchn_mask[port.raw / 64], port.raw % 64)) raise_selector(vcpu, port);
    return true;
}

void EventChannels::two_level_unmask(Vcpu& vcpu, EventPort port) {
    abi::xen::SharedInfo& shared = *domain_->shared_info;
    if (!clear_guest_bit(shared.evtchn_mask[port.raw / 64], port.raw % 64)) return;
    if (test_guest_bit(shared.evtchn_pending[port.raw / 64], port.raw % 64)) raise_selector(vcpu, port);
}

void EventChannels::clear_pending(EventChannel& channel) {
    channel.pending.store(false, std::memory_order_relaxed);
    if (FifoEvents* fifo = fifo_.load(std::memory_order_acquire)) {
        // Only the pending bit: the guest unlinks the port when it comes to it, and finds nothing pending.
        if (std::uint32_t* word = fifo->word(channel.port)) clear_guest_bit(*word, abi::xen::kFifoPendingBit);
    } else if (channel.port.raw < abi::xen::kTwoLevelPorts) {
        clear_guest_bit(domain_->shared_info->evtchn_pending[channel.port.raw / 64], channel.port.raw % 64);
    }
}

bool EventChannels::pending_now(EventChannel& channel) const {
    if (FifoEvents* fifo = fifo_.load(std::memory_order_acquire)) {
        std::uint32_t* word = fifo->word(channel.port);
        return word ? test_guest_bit(*word, abi::xen::kFifoPendingBit)
                    : channel.pending.load(std::memory_order_acquire);
    }
    return test_guest_bit(domain_->shared_info->evtchn_pending[channel.port.raw / 64], channel.port.raw % 64);
}

void EventChannels::unmask_now(EventChannel& channel) {
    FifoEvents* fifo = fifo_.load(std::memory_order_acquire);
    if (!fifo) {
        two_level_unmask(target(channel), channel.port);
        return;
    }
    std::uint32_t* word = fifo->word(channel.port);
    if (!word) return;
    clear_guest_bit(*word, abi::xen::kFifoMaskedBit);
    // It was not linked while it was masked.
    if (test_guest_bit(*word, abi::xen::kFifoPendingBit)) set_pending(channel);
}

}  // namespace hv
