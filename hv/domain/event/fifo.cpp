// FIFO delivery.
#include "hv/domain/event/fifo.hpp"

#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/domain/guest_word.hpp"

namespace hv {
namespace {

using namespace abi::xen;

enum class Link : std::uint8_t { Done, NotLinked, Changed };

// Appends `port` to the port of `word` if that one is still linked.
Link try_link(std::uint32_t& word, EventPort port) {
    std::uint32_t old = std::atomic_ref{word}.load(std::memory_order_acquire);
    if (!(old & (1u << kFifoLinkedBit))) return Link::NotLinked;
    const std::uint32_t fresh = (old & ~(kFifoLinkMask | (1u << kFifoBusyBit))) | port.raw;
    return std::atomic_ref{word}.compare_exchange_strong(old, fresh, std::memory_order_acq_rel) ? Link::Done
                                                                                                : Link::Changed;
}

// True when `port` follows the tail now; false when the tail was unlinked, so that the queue is empty.
bool link_behind(std::uint32_t& tail_word, EventPort port) {
    Link link = try_link(tail_word, port);
    if (link != Link::Changed) return link == Link::Done;
    // The guest changes the word (it may mask, unmask or unlink). BUSY asks it to leave the mask bit alone, so that a
    // guest that keeps to the rules lets one of a few more tries succeed. One that does not loses the event.
    constexpr int kTries = 4;
    set_guest_bit(tail_word, kFifoBusyBit);
    for (int i = 0; i < kTries; ++i) {
        link = try_link(tail_word, port);
        if (link == Link::Done) return true;  // which cleared BUSY
        if (link == Link::NotLinked) break;
    }
    clear_guest_bit(tail_word, kFifoBusyBit);
    return link != Link::NotLinked;
}

constexpr std::uint32_t queue_key(VcpuId vcpu, std::uint32_t priority) {
    return vcpu.raw << 8 | priority;
}

}  // namespace

// The queue that the port was linked on last and the one that it goes to now are both locked: if
// the port is still the tail of the old one, that queue must forget it, or the next port there
// would be linked behind a word that is elsewhere.
bool EventChannels::fifo_set_pending(FifoEvents& fifo, Vcpu& vcpu, EventChannel& channel) {
    std::uint32_t* word = fifo.word(channel.port);
    if (!word) {
        const bool was_pending = channel.pending.exchange(true, std::memory_order_acq_rel);
        word = fifo.word(channel.port);
        // Unless the page came just now, and expand_array() did not see the mark.
        if (!word || !channel.pending.exchange(false, std::memory_order_acq_rel)) return !was_pending;
    }
    const bool was_pending = set_guest_bit(*word, kFifoPendingBit);

    constexpr int kTries = 8;
    for (int i = 0; i < kTries; ++i) {
        if (test_guest_bit(*word, kFifoMaskedBit) || test_guest_bit(*word, kFifoLinkedBit)) return !was_pending;
        const std::uint32_t last = channel.last_queue.load(std::memory_order_acquire);
        FifoVcpu& old_queues = *domain_->vcpu(VcpuId{last >> 8})->fifo;
        FifoVcpu& queues = *vcpu.fifo;
        FifoControlBlock* control = queues.control.load(std::memory_order_acquire);
        if (!control) return !was_pending;  // a vCPU without a control block gets no events yet
        const std::uint32_t priority = channel.priority.load(std::memory_order_relaxed);
        bool queue_was_empty;
        {
            PairGuard pair{old_queues.lock, queues.lock};
            // Moved to another queue by a concurrent sender: look again.
            if (channel.last_queue.load(std::memory_order_relaxed) != last) continue;
            if (set_guest_bit(*word, kFifoLinkedBit)) return !was_pending;
            EventPort& old_tail = old_queues.tail[last & 0xff];
            if (old_tail == channel.port) old_tail = kNoPort;
            channel.last_queue.store(queue_key(vcpu.id, priority), std::memory_order_release);

            EventPort& tail = queues.tail[priority];
            std::uint32_t* tail_word = tail != kNoPort ? fifo.word(tail) : nullptr;
            queue_was_empty = !tail_word || !link_behind(*tail_word, channel.port);
            if (queue_was_empty)
                std::atomic_ref{control->head[priority]}.store(channel.port.raw, std::memory_order_release);
            tail = channel.port;
        }
        if (queue_was_empty && !set_guest_bit(control->ready, priority)) vcpu_mark_events_pending(vcpu);
        return !was_pending;
    }
    return !was_pending;  // its vCPU or priority changes all the time; the guest has asked for it
}

}  // namespace hv
