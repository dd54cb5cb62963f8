#include "xen_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <string>

namespace hvctl {

namespace {

// What the running kernel knows to be below it; empty on bare metal. The guest interface is Xen's, so hv is "xen" here
// and the control hypercall tells the two apart.
std::string hypervisor_type() {
    std::string type;
    std::ifstream{"/sys/hypervisor/type"} >> type;
    return type;
}

}  // namespace

Result<UniqueFd> open_xen_device(const char* name, int extra_flags) {
    const std::string path = std::string{"/dev/xen/"} + name;
    auto device = open_file(path.c_str(), O_RDWR | extra_flags);
    if (device) return device;
    const int error_number = device.error().error_number();
    const std::string type = hypervisor_type();
    if (type != "xen") {
        return fail(ErrorCode::NotOnHv,
                    fmt::format("this system does not run on hv ({}): boot hv with this kernel as Dom0, see "
                                "hv-command-line(7)",
                                type.empty() ? "no hypervisor announces itself in /sys/hypervisor/type"
                                             : fmt::format("/sys/hypervisor/type says \"{}\"", type)),
                    error_number);
    }
    switch (error_number) {
        case EACCES:
        case EPERM: return fail(ErrorCode::NotRoot, fmt::format("only root may open {}", path), error_number);
        case ENOENT:
        case ENODEV:
        case ENXIO:
            return fail(ErrorCode::NotSupported,
                        fmt::format("there is no {}: this is not the privileged domain, or its kernel module is not "
                                    "loaded (modprobe xen-{})",
                                    path, name),
                        error_number);
        default: return device;
    }
}

}  // namespace hvctl
