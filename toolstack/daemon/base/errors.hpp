// Every error that hvctld can report: one table, from which the bus takes names and the manual its list.
// A number is never reused and a name never changes: scripts depend on both.
#pragma once

#include <cstdint>
#include <exception>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "hvctl/result.hpp"

namespace hvctld {

enum class ErrorId : std::uint16_t {
    Internal = 1,
    InvalidArgument = 2,
    AccessDenied = 3,
    NotOnHv = 4,
    NotSupported = 5,
    Io = 6,
    HvRefused = 7,
    NotReady = 8,
    NoRecord = 9,
    Damaged = 10,
    AuthorizationRequired = 11,

    DefinitionInvalid = 101,
    NotInThisVersion = 102,

    NoSuchDomain = 201,
    NameTaken = 202,
    UuidTaken = 203,
    Busy = 204,
    WrongState = 205,
    IsDom0 = 206,
    GuestSilent = 207,

    NoMemory = 301,
    TooManyVcpus = 302,
    NoSuchCpu = 303,
    LimitReached = 304,
    NoSuchVcpu = 305,
    NoCpu = 306,
    NoSuchPool = 307,

    FileMissing = 401,
    FileUnreadable = 402,
    NotAKernel = 403,
    KernelTruncated = 404,
    WrongArchitecture = 405,
    KernelNotBootable = 406,
    KernelTooLarge = 407,
    KernelCorrupt = 408,
    NoRoom = 409,
    FileExists = 410,

    NoConsole = 501,

    NoSuchJob = 601,
    Cancelled = 602,
    DeadlinePassed = 603,
    Interrupted = 604,

    ImageUnusable = 701,
    ImageBusy = 702,
    BackendFailed = 703,
    NoSuchDisk = 704,
    TargetTaken = 705,
    NoSuchVolume = 706,
    VolumeExists = 707,
    NoSuchVolumePool = 708,
    VolumePoolFailed = 709,

    NicUnusable = 801,
    AddressTaken = 802,
    NoSuchNic = 803,
    HookFailed = 804,
};

struct ErrorEntry {
    ErrorId id;
    std::string_view name;     // the D-Bus error is org.hvctl1.Error.<name>
    std::string_view meaning;  // one sentence for the manual: what it is and what to do
};

const ErrorEntry& entry_of(ErrorId id);

class [[nodiscard]] Error {
  public:
    Error(ErrorId id, std::string message) : message_{std::move(message)}, id_{id} {}
    // What the library says, under the number that fits.
    Error(const hvctl::Error& error);  // NOLINT: a library error becomes ours wherever it is returned

    [[nodiscard]] ErrorId id() const { return id_; }
    [[nodiscard]] const std::string& message() const { return message_; }
    // "HV-E0204"
    [[nodiscard]] std::string code() const;
    // "HV-E0204: message"
    [[nodiscard]] std::string text() const;
    // The same error seen from further out: "context: message".
    [[nodiscard]] Error within(std::string_view context) const;

  private:
    std::string message_;
    ErrorId id_;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorId id, std::string message) {
    return std::unexpected(Error{id, std::move(message)});
}

// What an exception amounts to.
Error error_of(const std::exception_ptr& exception);

// "what: " and what the operating system says of the errno `number`.
std::unexpected<Error> fail_errno(int number, std::string_view what);

template <class T>
Result<T> within(std::string_view context, Result<T> result) {
    if (result) return result;
    return std::unexpected(result.error().within(context));
}

}  // namespace hvctld
