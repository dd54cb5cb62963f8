// Result and Error: how every call of this library reports failure. Nothing in libhvctl throws on purpose.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace hvctl {

// Stable and small: callers branch on these, people read Error::what().
enum class ErrorCode : std::uint8_t {
    InvalidArgument,  // the caller's fault
    NotFound,         // no such domain, vCPU, file
    AlreadyExists,
    NotPermitted,  // hv's policy or the kernel refuses
    NotRoot,       // the device nodes exist, but this process may not open them
    NotOnHv,       // this kernel does not run on hv: bare metal, another hypervisor, or a guest that is not privileged
    NotSupported,  // hv or the kernel is too old or was built without it
    Busy,          // another program or domain holds it
    TryAgain,      // the same call will succeed later
    NoMemory,      // host memory
    LimitReached,  // a limit other than memory
    Io,            // the operating system refused, see error_number()
    Truncated,     // a file ends before what its headers promise
    NotAKernel,    // not a kernel in any known format
    WrongArchitecture,  // a kernel, but for another processor
    NotBootable,        // a kernel for this processor that cannot boot as this type of guest
    TooLarge,           // does not fit: the message has what is needed and what there is
    Corrupt,            // checksums or structures contradict each other
    Cancelled,
    Internal,  // hv or this library broke a promise
};

std::string_view name_of(ErrorCode code);

class [[nodiscard]] Error {
  public:
    Error(ErrorCode code, std::string message, int error_number = 0)
        : message_{std::move(message)}, error_number_{error_number}, code_{code} {}

    // Takes the code from an errno of the operating system and appends its text to the message.
    static Error from_errno(int error_number, std::string message);

    [[nodiscard]] ErrorCode code() const { return code_; }
    // The errno that caused it (Linux numbering), 0 when there is none.
    [[nodiscard]] int error_number() const { return error_number_; }
    // "outermost context: ...: innermost message".
    [[nodiscard]] const std::string& what() const { return message_; }

    // The same error seen from one level further out: "context: message".
    [[nodiscard]] Error within(std::string_view context) &&;

  private:
    std::string message_;
    int error_number_;
    ErrorCode code_;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message, int error_number = 0) {
    return std::unexpected(Error{code, std::move(message), error_number});
}

// Adds context to a failure and leaves a success alone.
template <class T>
Result<T> within(std::string_view context, Result<T> result) {
    if (result) return result;
    return std::unexpected(std::move(result).error().within(context));
}

}  // namespace hvctl
