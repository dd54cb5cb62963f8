// Objects with one owner, on hv's heap.
#pragma once

#include <memory>
#include <new>
#include <utility>

#include "hv/base/result.hpp"

namespace hv {

template <class T>
using OwnPtr = std::unique_ptr<T>;

// Error::NoMemory when the heap has no room.
template <class T, class... Arguments>
Result<OwnPtr<T>> make_own(Arguments&&... arguments) {
    OwnPtr<T> object{new (std::nothrow) T(std::forward<Arguments>(arguments)...)};
    if (!object) return fail(Error::NoMemory);
    return object;
}

}  // namespace hv
