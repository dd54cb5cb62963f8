#include "host.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace hvctl::cli {

namespace {

constexpr unsigned kDom0Feature = 11;  // XENFEAT_dom0

std::string word_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::string word;
    stream >> word;
    return word;
}

bool is_dom0(const std::filesystem::path& root) {
    const std::string features = word_of(root / "sys/hypervisor/properties/features");
    if (!features.empty()) return (std::strtoul(features.c_str(), nullptr, 16) >> kDom0Feature & 1) != 0;
    const std::string capabilities = word_of(root / "proc/xen/capabilities");
    return capabilities.empty() || capabilities.find("control_d") != std::string::npos;  // in doubt it may be one
}

constexpr std::string_view kBootHv =
    "\nReboot and choose an entry 'with hv' in the boot menu (see hv-command-line(7)).";

}  // namespace

Host look_at_host(const std::filesystem::path& root) {
    std::error_code ignored;
    const bool xen_interface = word_of(root / "sys/hypervisor/type") == "xen" ||
                               std::filesystem::exists(root / "proc/xen/capabilities", ignored);
    if (!xen_interface) return Host::Bare;
    const std::string version = word_of(root / "sys/hypervisor/version/extra");
    if (!version.empty() && version.find("-hv") == std::string::npos) return Host::OtherHypervisor;
    return is_dom0(root) ? Host::Dom0 : Host::Guest;
}

Failure explain_unreachable(const Unreachable& attempt) {
    if (!attempt.is_default) {
        return {ExitCode::Unreachable, "cannot connect to hvctld at " + attempt.address + ": " +
                                           std::strerror(attempt.error) + "\nCheck --bus and HVCTL_BUS."};
    }
    switch (look_at_host(attempt.root)) {
        case Host::Bare:
            return {ExitCode::NotOnHv,
                    "this machine was not booted on hv, so there are no domains here" + std::string(kBootHv)};
        case Host::OtherHypervisor:
            return {ExitCode::NotOnHv,
                    "this machine runs on another hypervisor with Xen's interface, not on hv" + std::string(kBootHv)};
        case Host::Guest:
            return {ExitCode::NotOnHv,
                    "this system is a guest itself\nDomains are managed in Domain-0 of the machine that it runs on."};
        case Host::Dom0: break;
    }
    if (attempt.error == EACCES || attempt.error == EPERM) {
        return {ExitCode::Permission, "permission denied: managing domains is for root\nRun it with sudo, or as root."};
    }
    std::string how = attempt.is_root ? "systemctl start hvctld" : "sudo systemctl start hvctld";
    std::error_code ignored;
    if (attempt.error == ECONNREFUSED || std::filesystem::exists(attempt.root / "run/hvctl/bus", ignored)) {
        return {ExitCode::Unreachable, "hvctld has stopped: its socket is there, but nothing answers\nStart it with '" +
                                           how +
                                           "'; 'journalctl -u hvctld' tells why it stopped. Guests are not affected."};
    }
    return {ExitCode::Unreachable, "hvctld is not running\nStart it with '" + how + "'. Guests are not affected."};
}

}  // namespace hvctl::cli
