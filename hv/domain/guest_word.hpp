// Bits of words that a guest shares with hv and may change at any moment. Every access is atomic; nothing that is read
// here is believed without a check.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>

namespace hv {

template <std::unsigned_integral T>
bool test_guest_bit(T& word, unsigned bit) {
    return (std::atomic_ref{word}.load(std::memory_order_acquire) >> bit) & 1;
}
// Both return whether the bit was set before.
template <std::unsigned_integral T>
bool set_guest_bit(T& word, unsigned bit) {
    const T mask = static_cast<T>(T{1} << bit);
    return std::atomic_ref{word}.fetch_or(mask, std::memory_order_acq_rel) & mask;
}
template <std::unsigned_integral T>
bool clear_guest_bit(T& word, unsigned bit) {
    const T mask = static_cast<T>(T{1} << bit);
    return std::atomic_ref{word}.fetch_and(static_cast<T>(~mask), std::memory_order_acq_rel) & mask;
}

}  // namespace hv
