// TRY: the one macro that returns. Kept out of the public headers.
#pragma once

#include <expected>
#include <utility>

// Evaluates to the value of a Result, or returns its error from the enclosing function.
#ifndef TRY
#define TRY(expression)                                                \
    __extension__({                                                    \
        auto try_result_ = (expression);                               \
        if (!try_result_) return std::unexpected{try_result_.error()}; \
        *std::move(try_result_);                                       \
    })
#endif
