// A pairing heap of timers, earliest first. Intrusive: adding never fails. Adding costs one comparison, removing an
// amortised logarithm. Not locked.
#pragma once

#include "hv/time/timer_queue.hpp"

namespace hv {

class TimerHeap {
  public:
    Timer* first() const { return root_; }
    void add(Timer& timer);
    void remove(Timer& timer);
    // The latest deadline within kTimerSlop after the first one, as far as a few probes tell: waiting for it lets one
    // interrupt serve them all.
    Nanoseconds coalesced_deadline() const;

    template <class Visit>
    void for_each(Visit visit) const {
        // Down to children, along siblings, back up to the parent.
        for (Timer* timer = root_; timer;) {
            visit(*timer);
            if (timer->child) {
                timer = timer->child;
                continue;
            }
            while (timer && !timer->next) timer = parent(*timer);
            if (timer) timer = timer->next;
        }
    }

  private:
    static Timer* parent(Timer& timer);
    static Timer* merge(Timer* a, Timer* b);
    static Timer* merge_siblings(Timer* first);

    Timer* root_ = nullptr;
};

}  // namespace hv
