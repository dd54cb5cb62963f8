// What a verb answers: nothing, or why it failed. The exit codes are part of hvctl's interface (hvctl(1)); a number is
// never given a new meaning.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace hvctl::cli {

enum class ExitCode : int {
    Ok = 0,
    Failed = 1,         // the operation failed
    Usage = 2,          // the command line, or a file that it names, is bad
    NotFound = 3,       // no such domain, vCPU or job
    Unreachable = 4,    // hvctld does not run or does not answer
    Permission = 5,     // the caller may not do this
    NotOnHv = 6,        // this machine was not booted on hv
    Busy = 7,           // something else is in the way: another operation, a name that is taken, a console's writer
    TimedOut = 8,       // a deadline has passed, or the job was cancelled
    NoResources = 9,    // the host lacks memory, CPUs or identifiers
    Interrupted = 130,  // left by Ctrl-C or a signal
    OutputClosed = 141  // the reader of the output has gone: as SIGPIPE would have ended it
};

struct Failure {
    ExitCode code = ExitCode::Failed;
    std::string message;  // without "hvctl: ", without a final newline; empty when everything has been said already
};

template <class T>
using Result = std::expected<T, Failure>;

inline std::unexpected<Failure> fail(ExitCode code, std::string message) {
    return std::unexpected(Failure{code, std::move(message)});
}

}  // namespace hvctl::cli

// The value of a Result (nothing, when that is void), or a return of its failure from the enclosing function. The
// counter keeps one TRY inside another from shadowing it.
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
