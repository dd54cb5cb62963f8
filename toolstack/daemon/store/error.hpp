// Errors of store operations: exactly those that the wire protocol can name.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

namespace hvctld::store {

enum class Error : std::uint8_t {
    BadArgument,   // EINVAL
    NotPermitted,  // EACCES
    Exists,        // EEXIST
    NotFound,      // ENOENT
    NoSpace,       // ENOSPC: a quota of the domain is used up
    Io,            // EIO
    NotSupported,  // ENOSYS
    Busy,          // EBUSY
    Again,         // EAGAIN: the transaction conflicts with another one; start it again
    Connected,     // EISCONN
    TooBig,        // E2BIG
    NotOwner,      // EPERM
};

// The string that the protocol puts in an XS_ERROR message, e.g. "ENOENT".
std::string_view wire_name(Error error);

template <class T>
using Result = std::expected<T, Error>;

}  // namespace hvctld::store
