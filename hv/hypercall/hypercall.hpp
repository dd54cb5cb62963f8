// Hypercalls: arguments, results, and how a long one is preempted.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"
#include "hv/machine/preemption.hpp"

namespace hv {

// The registers a guest passes: rdi, rsi, rdx, r10, r8, r9.
struct HypercallArguments {
    std::uint64_t value[6];
};

// A handler's result: a value of zero or more for the guest, or an error that errno.cpp converts to its Xen number.
// Error::Restart means "preempted": whatever progress there is has been written back to the guest's structures or to
// `arguments`, and the same hypercall is issued again with them once other work has been done.
using HypercallResult = Result<std::uint64_t>;
using HypercallHandler = HypercallResult (*)(HypercallArguments& arguments);

std::int64_t xen_errno(Error error);  // the negative number for the guest
inline std::int64_t to_guest(const HypercallResult& result) {
    return result ? static_cast<std::int64_t>(*result) : xen_errno(result.error());
}

}  // namespace hv
