#include "hv/time/timer_heap.hpp"

#include <utility>

namespace hv {

Timer* TimerHeap::merge(Timer* a, Timer* b) {
    if (!a) return b;
    if (!b) return a;
    if (b->deadline < a->deadline) std::swap(a, b);
    b->previous = a;
    b->next = a->child;
    if (b->next) b->next->previous = b;
    a->child = b;
    return a;
}

// The two passes of a pairing heap: pairs from left to right, then all of them from right to left.
Timer* TimerHeap::merge_siblings(Timer* first) {
    Timer* pairs = nullptr;  // a list through `next`, last pair first
    while (first) {
        Timer* a = first;
        Timer* b = a->next;
        first = b ? b->next : nullptr;
        a->next = a->previous = nullptr;
        if (b) b->next = b->previous = nullptr;
        Timer* pair = merge(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    Timer* root = nullptr;
    while (pairs) {
        Timer* pair = std::exchange(pairs, pairs->next);
        pair->next = nullptr;
        root = merge(root, pair);
    }
    return root;
}

Timer* TimerHeap::parent(Timer& timer) {
    Timer* at = &timer;
    while (at->previous && at->previous->child != at) at = at->previous;
    return at->previous;
}

void TimerHeap::add(Timer& timer) {
    timer.child = timer.next = timer.previous = nullptr;
    root_ = merge(root_, &timer);
}

void TimerHeap::remove(Timer& timer) {
    Timer* children = merge_siblings(std::exchange(timer.child, nullptr));
    if (&timer == root_) {
        root_ = children;
        return;
    }
    if (timer.previous->child == &timer) {
        timer.previous->child = timer.next;
    } else {
        timer.previous->next = timer.next;
    }
    if (timer.next) timer.next->previous = timer.previous;
    timer.next = timer.previous = nullptr;
    root_ = merge(root_, children);
}

Nanoseconds TimerHeap::coalesced_deadline() const {
    constexpr unsigned kProbes = 8;
    Nanoseconds latest = root_->deadline;
    const Nanoseconds limit = latest > INT64_MAX - kTimerSlop ? INT64_MAX : latest + kTimerSlop;
    unsigned probes = 0;
    for (const Timer* timer = root_->child; timer && probes < kProbes; timer = timer->next, ++probes) {
        if (timer->deadline <= limit && timer->deadline > latest) latest = timer->deadline;
    }
    return latest;
}

}  // namespace hv
