// The largest of what several CPUs note, without a lock: for statistics.
#pragma once

#include <atomic>

namespace hv {

// Makes `most` at least `value`, also while other CPUs do the same.
template <class Number>
void raise_to(std::atomic<Number>& most, Number value) {
    Number before = most.load(std::memory_order_relaxed);
    while (value > before && !most.compare_exchange_weak(before, value, std::memory_order_relaxed)) {
    }
}

}  // namespace hv
