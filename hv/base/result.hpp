// Result<T>: how everything in hv reports failure. TRY is the only macro that returns.
#pragma once

#include <cstdint>
#include <expected>
#include <utility>

namespace hv {

// Each member corresponds to one number of Xen's errno ABI; hypercall/errno.cpp holds the one conversion.
enum class [[nodiscard]] Error : std::uint8_t{
    NotPermitted,    // EPERM
    NoEntry,         // ENOENT
    NoDomain,        // ESRCH
    Io,              // EIO
    TooBig,          // E2BIG
    Again,           // EAGAIN
    NoMemory,        // ENOMEM
    Access,          // EACCES
    Fault,           // EFAULT
    Busy,            // EBUSY
    Exists,          // EEXIST
    NoDevice,        // ENODEV
    BadArgument,     // EINVAL
    NoSpace,         // ENOSPC
    Range,           // ERANGE
    NotImplemented,  // ENOSYS
    NotSupported,    // EOPNOTSUPP
    NoBuffer,        // ENOBUFS
    Overflow,        // EOVERFLOW
    TimePassed,      // ETIME
    Restart,         // never leaves hv: the work was preempted and the hypercall continues where it stopped
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Error error) {
    return std::unexpected<Error>{error};
}

[[noreturn]] void must_failed(const char* why, Error error);

}  // namespace hv

// Value of a Result or of another std::expected (nothing, when that is void), or return its error from the function.
// The counter keeps one TRY inside another from shadowing it.
#define HV_TRY_NAMED(expression, name)                           \
    __extension__({                                              \
        auto name = (expression);                                \
        if (!name) [[unlikely]]                                  \
            return ::std::unexpected(::std::move(name).error()); \
        *::std::move(name);                                      \
    })
#define HV_TRY_JOIN(expression, counter) HV_TRY_NAMED(expression, try_result_##counter)
#define HV_TRY_EXPAND(expression, counter) HV_TRY_JOIN(expression, counter)
#define TRY(expression) HV_TRY_EXPAND(expression, __COUNTER__)

// Value of a Result that cannot fail here; `why` says why not.
#define MUST(expression, why)                             \
    __extension__({                                       \
        auto&& must_result_ = (expression);               \
        if (!must_result_) [[unlikely]]                   \
            ::hv::must_failed(why, must_result_.error()); \
        *::std::move(must_result_);                       \
    })
