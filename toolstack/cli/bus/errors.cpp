// From D-Bus error names to exit codes and words.
#include <array>
#include <cerrno>
#include <cstring>

#include "bus/connection.hpp"

namespace hvctl::cli {
namespace {

struct Known {
    std::string_view name;  // after "org.hvctl1.Error."
    ExitCode code;
};

// Every name that hvctld knows; what a newer one adds counts as a plain failure.
constexpr std::array kKnown = {
    Known{"Internal", ExitCode::Failed},
    Known{"InvalidArgument", ExitCode::Usage},
    Known{"AccessDenied", ExitCode::Permission},
    Known{"NotOnHv", ExitCode::NotOnHv},
    Known{"NotSupported", ExitCode::Failed},
    Known{"Io", ExitCode::Failed},
    Known{"HvRefused", ExitCode::Failed},
    Known{"NotReady", ExitCode::Unreachable},
    Known{"NoRecord", ExitCode::NoResources},
    Known{"Damaged", ExitCode::Failed},
    Known{"DefinitionInvalid", ExitCode::Usage},
    Known{"NotInThisVersion", ExitCode::Usage},
    Known{"NoSuchDomain", ExitCode::NotFound},
    Known{"NameTaken", ExitCode::Busy},
    Known{"UuidTaken", ExitCode::Busy},
    Known{"Busy", ExitCode::Busy},
    Known{"WrongState", ExitCode::Failed},
    Known{"IsDom0", ExitCode::Failed},
    Known{"GuestSilent", ExitCode::TimedOut},
    Known{"NoMemory", ExitCode::NoResources},
    Known{"TooManyVcpus", ExitCode::NoResources},
    Known{"NoSuchCpu", ExitCode::NoResources},
    Known{"LimitReached", ExitCode::NoResources},
    Known{"NoSuchVcpu", ExitCode::NotFound},
    Known{"NoCpu", ExitCode::NoResources},
    Known{"NoSuchPool", ExitCode::NotFound},
    Known{"FileMissing", ExitCode::Usage},
    Known{"FileUnreadable", ExitCode::Usage},
    Known{"NotAKernel", ExitCode::Usage},
    Known{"KernelTruncated", ExitCode::Usage},
    Known{"WrongArchitecture", ExitCode::Usage},
    Known{"KernelNotBootable", ExitCode::Usage},
    Known{"KernelTooLarge", ExitCode::Usage},
    Known{"KernelCorrupt", ExitCode::Usage},
    Known{"NoConsole", ExitCode::Failed},
    Known{"NoSuchJob", ExitCode::NotFound},
    Known{"Cancelled", ExitCode::TimedOut},
    Known{"DeadlinePassed", ExitCode::TimedOut},
    Known{"Interrupted", ExitCode::Failed},
    Known{"AuthorizationRequired", ExitCode::Permission},
    Known{"ImageUnusable", ExitCode::Usage},
    Known{"ImageBusy", ExitCode::Busy},
    Known{"BackendFailed", ExitCode::Failed},
    Known{"NoSuchDisk", ExitCode::NotFound},
    Known{"TargetTaken", ExitCode::Busy},
    Known{"NicUnusable", ExitCode::Failed},
    Known{"AddressTaken", ExitCode::Busy},
    Known{"NoSuchNic", ExitCode::NotFound},
    Known{"HookFailed", ExitCode::Failed},  // the host's own program
    Known{"NoSuchVolume", ExitCode::NotFound},
    Known{"VolumeExists", ExitCode::Busy},
    Known{"NoSuchVolumePool", ExitCode::NotFound},
    Known{"VolumePoolFailed", ExitCode::Failed},
    Known{"NoRoom", ExitCode::NoResources},
    Known{"FileExists", ExitCode::Busy},
};

constexpr std::string_view kPrefix = "org.hvctl1.Error.";
constexpr std::string_view kLost =
    "lost the connection to hvctld\n'systemctl status hvctld' tells how it is; what it had "
    "begun goes on when it is back ('hvctl job list').";

constexpr std::string_view kNotRoot = "permission denied: managing domains is for root\nRun it with sudo, or as root.";

bool is(const sd_bus_error& error, const char* name) {
    return sd_bus_error_has_name(&error, name) != 0;
}

}  // namespace

std::optional<ExitCode> known_exit_code(std::string_view error_name) {
    if (error_name.starts_with(kPrefix)) error_name.remove_prefix(kPrefix.size());
    for (const Known& known : kKnown) {
        if (known.name == error_name) return known.code;
    }
    return std::nullopt;
}

Failure failure_of(const sd_bus_error& error) {
    std::string_view name = error.name != nullptr ? error.name : "";
    std::string message = error.message != nullptr ? error.message : std::string(name);
    if (name.starts_with(kPrefix)) return {known_exit_code(name).value_or(ExitCode::Failed), message};
    if (is(error, SD_BUS_ERROR_ACCESS_DENIED) || is(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED)) {
        return {ExitCode::Permission, std::string(kNotRoot)};
    }
    if (is(error, SD_BUS_ERROR_SERVICE_UNKNOWN) || is(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
        return {ExitCode::Unreachable, "hvctld is not running\nStart it with 'systemctl start hvctld'."};
    }
    if (is(error, SD_BUS_ERROR_UNKNOWN_METHOD) || is(error, SD_BUS_ERROR_INVALID_ARGS)) {
        return {ExitCode::Failed,
                "this hvctld does not know the request (" + message +
                    ")\nhvctl and hvctld are of different versions: restart hvctld after an upgrade."};
    }
    if (is(error, SD_BUS_ERROR_NO_REPLY) || is(error, SD_BUS_ERROR_TIMEOUT)) {
        return failure_of_errno(sd_bus_error_get_errno(&error) == ECONNRESET ? -ECONNRESET : -ETIMEDOUT);
    }
    if (is(error, SD_BUS_ERROR_DISCONNECTED)) return failure_of_errno(-ECONNRESET);
    if (int number = sd_bus_error_get_errno(&error); number != 0 && name.starts_with("System.Error.")) {
        return failure_of_errno(-number);
    }
    return {ExitCode::Failed, message};
}

Failure failure_of_errno(int error) {
    switch (-error) {
        case ECONNRESET:
        case ENOTCONN:
        case EPIPE:
        case ESHUTDOWN: return {ExitCode::Unreachable, std::string(kLost)};
        case ETIMEDOUT:
            return {ExitCode::Unreachable,
                    "hvctld does not answer\n'journalctl -u hvctld' may tell what it is busy with."};
        case EACCES:
        case EPERM: return {ExitCode::Permission, std::string(kNotRoot)};
        default: return {ExitCode::Failed, std::string("talking to hvctld failed: ") + std::strerror(-error)};
    }
}

}  // namespace hvctl::cli
