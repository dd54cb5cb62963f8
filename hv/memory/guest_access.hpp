// The one door to guest memory: copies between hv and the current vCPU's address space. Every address comes from the
// guest and may be unmapped, read-only, non-canonical or in hv's own range: such a copy fails with Error::Fault and
// never harms hv. Fetch once, then check the copy: the guest may change its memory at any time.
#pragma once

#include <cstddef>
#include <type_traits>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

// Seams, implemented in x86/ and by tests.
Result<> copy_from_guest(void* to, GuestVirtual from, std::size_t bytes);
Result<> copy_to_guest(GuestVirtual to, const void* from, std::size_t bytes);
Result<> clear_guest(GuestVirtual to, std::size_t bytes);

template <class T>
requires std::is_trivially_copyable_v<T> Result<T> fetch(GuestVirtual from) {
    T value;
    TRY(copy_from_guest(&value, from, sizeof value));
    return value;
}

template <class T>
requires std::is_trivially_copyable_v<T> Result<T> fetch_at(GuestVirtual array, std::size_t index) {
    return fetch<T>(array + index * sizeof(T));
}

template <class T>
requires std::is_trivially_copyable_v<T> Result<> store(GuestVirtual to, const T& value) {
    return copy_to_guest(to, &value, sizeof value);
}

template <class T>
requires std::is_trivially_copyable_v<T> Result<> store_at(GuestVirtual array, std::size_t index, const T& value) {
    return store(array + index * sizeof(T), value);
}

}  // namespace hv
