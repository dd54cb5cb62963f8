// Which ports there are, and the memory that they live in.
#include <algorithm>

#include "hv/base/nospec.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/domain/event/fifo.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/memory/heap.hpp"

namespace hv {

static_assert(sizeof(EventChannel) * EventChannels::kPortsPerBucket == kPageSize);

Result<> EventChannels::init(Domain& domain, std::uint32_t max_ports) {
    domain_ = &domain;
    if (max_ports == 0) max_ports = domain.privileged ? abi::xen::kFifoPorts : kDefaultMaxPorts;
    max_ports_ = std::min(max_ports, abi::xen::kFifoPorts);
    return {};
}

EventChannels::~EventChannels() {
    for (std::atomic<Group*>& slot : groups_) {
        Group* group = slot.load(std::memory_order_relaxed);
        if (!group) continue;
        for (std::atomic<Bucket*>& bucket : group->buckets) heap_free(bucket.load(std::memory_order_relaxed));
        delete group;
    }
    delete[] pirq_ports_.load(std::memory_order_relaxed);
}

std::uint32_t EventChannels::port_limit() const {
    return std::min(max_ports_, uses_fifo() ? abi::xen::kFifoPorts : abi::xen::kTwoLevelPorts);
}

EventChannel* EventChannels::find(EventPort port) const {
    if (port == kNoPort || port.raw >= abi::xen::kFifoPorts) return nullptr;
    port = index_nospec(port, abi::xen::kFifoPorts);
    const std::uint32_t bucket_number = port.raw / kPortsPerBucket;
    // Acquire: pairs with the release in ensure(), so that the ports are seen constructed.
    Group* group = groups_[bucket_number / kBucketsPerGroup].load(std::memory_order_acquire);
    if (!group) return nullptr;
    Bucket* bucket = group->buckets[bucket_number % kBucketsPerGroup].load(std::memory_order_acquire);
    return bucket ? &bucket->ports[port.raw % kPortsPerBucket] : nullptr;
}

Result<EventChannel*> EventChannels::usable(EventPort port) const {
    EventChannel* channel = find(port);
    if (!channel) return fail(Error::BadArgument);
    return channel;
}

Result<EventChannel*> EventChannels::ensure(EventPort port) {
    if (EventChannel* channel = find(port)) return channel;
    const std::uint32_t bucket_number = port.raw / kPortsPerBucket;
    std::atomic<Group*>& group = groups_[bucket_number / kBucketsPerGroup];
    if (!group.load(std::memory_order_relaxed)) {
        Group* fresh = new (std::nothrow) Group{};
        if (!fresh) return fail(Error::NoMemory);
        group.store(fresh, std::memory_order_release);
    }
    // One whole page, which is more alignment than `new` promises.
    void* memory = heap_allocate(sizeof(Bucket));
    if (!memory) return fail(Error::NoMemory);
    Bucket* bucket = new (memory) Bucket{};
    const std::uint32_t first = bucket_number * kPortsPerBucket;
    for (std::uint32_t i = 0; i < kPortsPerBucket; ++i) bucket->ports[i].port = EventPort{first + i};
    group.load(std::memory_order_relaxed)
        ->buckets[bucket_number % kBucketsPerGroup]
        .store(bucket, std::memory_order_release);
    return &bucket->ports[port.raw % kPortsPerBucket];
}

Result<EventChannel*> EventChannels::allocate() {
    if (closing_) return fail(Error::NoDomain);
    constexpr std::uint32_t kBetweenLooks = 1024;
    const std::uint32_t limit = port_limit();
    for (EventPort port = next_free_; port.raw < limit; ++port) {
        const EventChannel* known = find(port);
        if (known && known->state != EventState::Free) {
            // A guest with very many ports that frees and takes a low one has all of them looked at each time.
            if (port.raw % kBetweenLooks != 0 || !preemption_needed()) continue;
            next_free_ = port.next();
            return fail(Error::Restart);
        }
        EventChannel* channel = TRY(ensure(port));
        Guard guard{channel->lock};
        channel->state = EventState::Reserved;
        channel->priority.store(abi::xen::kFifoPriorityDefault, std::memory_order_relaxed);
        channel->notify_vcpu.store(VcpuId{0}, std::memory_order_relaxed);
        next_free_ = port.next();
        in_use_.fetch_add(1, std::memory_order_relaxed);
        return channel;
    }
    next_free_ = std::max(next_free_, EventPort{limit});
    return fail(Error::NoSpace);
}

void EventChannels::release(EventChannel& channel) {
    clear_pending(channel);
    channel.state = EventState::Free;
    channel.remote = nullptr;
    channel.notify_vcpu.store(VcpuId{0}, std::memory_order_relaxed);
    next_free_ = std::min(next_free_, channel.port);
    in_use_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace hv
