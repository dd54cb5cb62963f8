// TRY(expression): the value of a Result or of another std::expected (nothing, when that is void), or a return of its
// error from the enclosing function. A header of its own, which needs no other: only files that ask for the macro get
// it.
#pragma once

#include <expected>
#include <utility>

// The statement expression yields a prvalue, so values that can only be moved work too. The counter keeps one TRY
// inside another from shadowing it.
#define HVCTL_TRY_NAMED(expression, name)                        \
    __extension__({                                              \
        auto name = (expression);                                \
        if (!name) [[unlikely]]                                  \
            return ::std::unexpected(::std::move(name).error()); \
        *::std::move(name);                                      \
    })
#define HVCTL_TRY_JOIN(expression, counter) HVCTL_TRY_NAMED(expression, try_result_##counter)
#define HVCTL_TRY_EXPAND(expression, counter) HVCTL_TRY_JOIN(expression, counter)
#define TRY(expression) HVCTL_TRY_EXPAND(expression, __COUNTER__)
