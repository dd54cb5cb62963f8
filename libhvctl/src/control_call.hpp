// How every control operation is issued: the structure travels through a hypercall buffer.
#pragma once

#include <cstring>
#include <string>
#include <type_traits>

#include "hv/abi/control/control.hpp"
#include "hv/abi/xen/errno.hpp"
#include "hvctl/control.hpp"
#include "hvctl/try.hpp"

namespace hvctl {

// Issues `operation` on `argument`, which is updated with what hv wrote, whether or not it succeeded. `what` completes
// "cannot ..." in messages.
template <class Argument>
Result<std::int64_t> control_call(HypercallPort& port, abi::Operation operation, Argument& argument,
                                  std::string_view what) {
    static_assert(std::is_trivially_copyable_v<Argument>);
    const HypercallBuffer buffer = TRY(port.buffers().take(sizeof argument));
    std::memcpy(buffer.bytes().data(), &argument, sizeof argument);
    const std::int64_t result =
        port.call(abi::kControlHypercall, static_cast<std::uint64_t>(operation), buffer.address(), sizeof argument);
    std::memcpy(&argument, buffer.bytes().data(), sizeof argument);
    if (result >= 0) return result;
    return std::unexpected(hypercall_error(result, std::string{"cannot "}.append(what)));
}

// The same for operations that return nothing.
template <class Argument>
Result<void> control_do(HypercallPort& port, abi::Operation operation, Argument argument, std::string_view what) {
    TRY(control_call(port, operation, argument, what));
    return {};
}

// The text in a fixed field, NUL-terminated or not.
template <std::size_t N>
std::string text_of(const char (&field)[N]) {
    return {field, ::strnlen(field, N)};
}

}  // namespace hvctl
