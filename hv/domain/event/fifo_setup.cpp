// Going to FIFO ports and back.
#include "hv/base/scope_guard.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/domain/event/fifo.hpp"
#include "hv/domain/guest_word.hpp"
#include "hv/domain/restartable_lock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/memory/frame.hpp"

namespace hv {
namespace {

using abi::xen::FifoControlBlock;

void put_guest_page(const void* pointer) {
    if (pointer) put_frame_and_type(frame_info(frame_of_pointer(pointer)));
}

void free_queues(Domain& domain) {
    for (VcpuId id : ids<VcpuId>(domain.max_vcpus)) {
        Vcpu* vcpu = domain.vcpu(id);
        if (!vcpu || !vcpu->fifo) continue;
        put_guest_page(vcpu->fifo->control.load(std::memory_order_relaxed));
        delete vcpu->fifo;
        vcpu->fifo = nullptr;
    }
}

}  // namespace

// table_lock_ is held, as for fifo_stop().
Result<> EventChannels::fifo_start() {
    OwnPtr<FifoEvents> fifo = TRY(make_own<FifoEvents>());
    for (VcpuId id : ids<VcpuId>(domain_->max_vcpus)) {
        Vcpu* vcpu = domain_->vcpu(id);
        if (!vcpu) continue;
        vcpu->fifo = new (std::nothrow) FifoVcpu;
        if (!vcpu->fifo) {
            free_queues(*domain_);
            return fail(Error::NoMemory);
        }
    }
    fifo_.store(fifo.release(), std::memory_order_release);
    // A CPU that is delivering right now may still do it the old way. Once every CPU has been here, none does.
    call_on_cpus(
        online_cpus(), [](void*) {}, nullptr);

    // No word exists yet: what is pending now becomes so when its page comes.
    for (EventPort port{1}; port.raw < abi::xen::kTwoLevelPorts; ++port) {
        EventChannel* channel = find(port);
        if (!channel) {
            port.raw |= kPortsPerBucket - 1;
            continue;
        }
        if (test_guest_bit(domain_->shared_info->evtchn_pending[port.raw / 64], port.raw % 64))
            channel->pending.store(true);
    }
    return {};
}

// No port is in use, and none can be made before this is over.
void EventChannels::fifo_stop() {
    FifoEvents* fifo = fifo_.exchange(nullptr, std::memory_order_acq_rel);
    if (!fifo) return;
    free_queues(*domain_);
    for (std::uint32_t i = 0; i < fifo->used; ++i) put_guest_page(fifo->pages[i].load(std::memory_order_relaxed));
    delete fifo;
}

Result<> EventChannels::init_control(Gfn control, std::uint32_t offset, VcpuId vcpu_id) {
    Vcpu* vcpu = domain_->vcpu(vcpu_id);
    if (!vcpu) return fail(Error::NoEntry);
    if (offset > kPageSize - sizeof(FifoControlBlock) || offset % 8 != 0) return fail(Error::BadArgument);
    // Before the lock, as in expand_array(): when its use changes, this waits for other CPUs.
    FrameInfo* frame = TRY(get_guest_frame_and_type(*domain_, control, FrameType::Writable));
    ScopeGuard put{[frame] { put_frame_and_type(*frame); }};
    TRY(lock_or_restart(table_lock_));
    const ScopeGuard unlock{[this] { table_lock_.unlock(); }};
    if (closing_) return fail(Error::NoDomain);
    if (vcpu->fifo && vcpu->fifo->control.load(std::memory_order_relaxed)) return fail(Error::BadArgument);
    if (!uses_fifo()) TRY(fifo_start());
    auto* block =
        reinterpret_cast<FifoControlBlock*>(static_cast<std::byte*>(frame_pointer(frame_number(*frame))) + offset);
    vcpu->fifo->control.store(block, std::memory_order_release);
    put.dismiss();
    return {};
}

// table_lock_ is held. The first port of the page that is new.
Result<std::uint32_t> EventChannels::add_words(FrameInfo& frame) {
    FifoEvents* fifo = fifo_.load(std::memory_order_relaxed);
    if (!fifo) return fail(Error::NotSupported);
    if (fifo->used >= FifoEvents::kPages) return fail(Error::NoSpace);
    fifo->pages[fifo->used].store(static_cast<std::uint32_t*>(frame_pointer(frame_number(frame))),
                                  std::memory_order_seq_cst);
    return fifo->used++ * abi::xen::kFifoWordsPerPage;
}

Result<> EventChannels::expand_array(Gfn array) {
    FrameInfo* frame = TRY(get_guest_frame_and_type(*domain_, array, FrameType::Writable));
    Result<std::uint32_t> first = fail(Error::Restart);
    if (lock_or_restart(table_lock_)) {
        first = add_words(*frame);
        table_lock_.unlock();
    }
    if (!first) {
        put_frame_and_type(*frame);
        return fail(first.error());
    }
    // What became pending before. A port that is in use keeps the page, and it needs no more than its own lock.
    for (EventPort port{*first == 0 ? 1 : *first}; port.raw < *first + abi::xen::kFifoWordsPerPage; ++port) {
        EventChannel* channel = find(port);
        if (!channel) {
            port.raw |= kPortsPerBucket - 1;
            continue;
        }
        Guard guard{channel->lock};
        if (channel->pending.exchange(false) && channel->state != EventState::Free) set_pending(*channel);
    }
    return {};
}

Result<> EventChannels::set_priority(EventPort port, std::uint32_t priority) {
    if (priority > abi::xen::kFifoPriorityMin) return fail(Error::BadArgument);
    EventChannel* channel = TRY(usable(port));
    Guard guard{channel->lock};
    if (channel->state == EventState::Free || channel->state == EventState::Reserved) return fail(Error::BadArgument);
    if (!uses_fifo()) return fail(Error::NotImplemented);
    // For events from now on; one that is queued stays where it is.
    channel->priority.store(static_cast<std::uint8_t>(priority), std::memory_order_relaxed);
    return {};
}

}  // namespace hv
