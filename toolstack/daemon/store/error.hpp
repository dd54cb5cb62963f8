// Errors of store operations: exactly those that the wire protocol can name.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

namespace hvctld::store {

enum class Error : std::uint8_t {
    BadArgument,    // EINVAL
    NotPermitted,   // EACCES
    Exists,         // EEXIST
    NotFound,       // ENOENT
    NoSpace,        // ENOSPC: a quota of the domain is used up
    Io,             // EIO
    NotSupported,   // ENOSYS
    Busy,           // EBUSY
    Again,          // EAGAIN: the transaction conflicts with another one; start it again
    Connected,      // EISCONN
    TooBig,         // E2BIG
    NotOwner,       // EPERM
};

// The string that the protocol puts in an XS_ERROR message, e.g. "ENOENT".
std::string_view wire_name(Error error);

template <class T>
using Result = std::expected<T, Error>;

}  // namespace hvctld::store

// Evaluates to the value of a Result, or returns its error from the enclosing function.
#ifndef TRY
#define TRY(expression)                                                          \
    __extension__({                                                              \
        auto try_result_ = (expression);                                         \
        if (!try_result_) return std::unexpected{try_result_.error()};           \
        *std::move(try_result_);                                                 \
    })
#endif
