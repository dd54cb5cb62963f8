#include "host.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace hvctl::cli {

bool runs_on_hv(const std::filesystem::path& root) {
    std::ifstream file(root / "sys/hypervisor/type");
    std::string type;
    file >> type;
    std::error_code ignored;
    return type == "xen" || std::filesystem::exists(root / "proc/xen/capabilities", ignored);
}

Failure explain_unreachable(const Unreachable& attempt) {
    if (!attempt.is_default) {
        return {ExitCode::Unreachable, "cannot connect to hvctld at " + attempt.address + ": " +
                                           std::strerror(attempt.error) + "\nCheck --bus and HVCTL_BUS."};
    }
    if (attempt.error == EACCES || attempt.error == EPERM) {
        return {ExitCode::Permission, "permission denied: managing domains is for root\nRun it with sudo, or as root."};
    }
    if (!runs_on_hv(attempt.root)) {
        return {ExitCode::NotOnHv,
                "this machine was not booted on hv, so there are no domains here\nReboot and choose an entry 'with hv' "
                "in the "
                "boot menu (see hv-command-line(7))."};
    }
    std::string how = attempt.is_root ? "systemctl start hvctld" : "sudo systemctl start hvctld";
    std::error_code ignored;
    if (attempt.error == ECONNREFUSED || std::filesystem::exists(attempt.root / "run/hvctl/bus", ignored)) {
        return {ExitCode::Unreachable, "hvctld has stopped: its socket is there, but nobody answers\nStart it with '" +
                                           how +
                                           "'; 'journalctl -u hvctld' tells why it stopped. Guests are not affected."};
    }
    return {ExitCode::Unreachable, "hvctld is not running\nStart it with '" + how + "'. Guests are not affected."};
}

}  // namespace hvctl::cli
