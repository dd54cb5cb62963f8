#include "host/modules.hpp"

#include <fcntl.h>
#include <libkmod.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/files.hpp"
#include "base/log.hpp"

namespace hvctld::host {
namespace {

constexpr std::array kModules{"xen-evtchn", "xen-gntdev",  "xen-gntalloc", "xen-privcmd",
                              "xenfs",      "xen-blkback", "xen-netback",  "loop"};
// No device before it is needed, and none is looked into for partitions: see hvctl.modprobe.conf.
constexpr const char* kNbdOptions = "nbds_max=0 max_part=0";

struct KmodUnref {
    void operator()(kmod_ctx* context) const { kmod_unref(context); }
    void operator()(kmod_module* module) const { kmod_module_unref(module); }
};

void load(kmod_ctx* context, const char* name, const char* options) {
    kmod_module* raw = nullptr;
    if (kmod_module_new_from_name(context, name, &raw) < 0) return;
    const std::unique_ptr<kmod_module, KmodUnref> module{raw};
    const int state = kmod_module_get_initstate(raw);
    if (state == KMOD_MODULE_BUILTIN || state == KMOD_MODULE_LIVE) return;
    const int status =
        kmod_module_probe_insert_module(raw, KMOD_PROBE_APPLY_BLACKLIST, options, nullptr, nullptr, nullptr);
    if (status < 0 && status != -ENOENT && status != -EEXIST)
        log::warning("cannot load the module {}: {}", name, std::string_view{strerrorname_np(-status)});
}

}  // namespace

Result<void> load_modules() {
    const char* no_configuration = nullptr;
    const std::unique_ptr<kmod_ctx, KmodUnref> context{kmod_new(nullptr, &no_configuration)};
    if (!context) return fail(ErrorId::Io, "libkmod cannot start");
    for (const char* name : kModules) load(context.get(), name, nullptr);
    load(context.get(), "nbd", kNbdOptions);
    return {};
}

Result<void> mount_xenfs() {
    if (access("/proc/xen/privcmd", F_OK) == 0 || access("/proc/xen/capabilities", F_OK) == 0) return {};
    if (mount("xenfs", "/proc/xen", "xenfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, nullptr) == 0 || errno == EBUSY)
        return {};
    return fail_errno(errno, "cannot mount xenfs on /proc/xen");
}

bool runs_as_dom0() {
    const std::string type = first_line("/sys/hypervisor/type");
    if (!type.empty() && type != "xen") return false;
    return access("/proc/xen", F_OK) == 0;
}

std::string boot_id() {
    return first_line("/proc/sys/kernel/random/boot_id");
}

std::string machine_id() {
    return first_line("/etc/machine-id");
}

}  // namespace hvctld::host
