// TRY(expression): the value of a Result, or a return of its error from the enclosing function.
// A header of its own, so that only those who want the macro get it.
#pragma once

#include <utility>

#include "hvctl/result.hpp"

// The statement expression yields a prvalue, so move-only values and Result<void> work alike.
#define TRY(expression)                                                                  \
    __extension__({                                                                      \
        auto try_result_ = (expression);                                                 \
        if (!try_result_) [[unlikely]]                                                   \
            return ::std::unexpected(::std::move(try_result_).error());                  \
        ::std::move(try_result_).value();                                                \
    })
