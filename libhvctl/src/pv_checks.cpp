#include "pv_checks.hpp"

#include <fmt/format.h>

namespace hvctl {

namespace {

constexpr std::string_view kInterface = "xen-3.0";

}  // namespace

Result<void> check_pv_kernel(const KernelImage& kernel) {
    const XenNotes& notes = kernel.notes;
    if (!notes.present) {
        return fail(ErrorCode::NotBootable,
                    "the kernel cannot run as a PV guest: it has no Xen notes (Linux: CONFIG_XEN_PV)");
    }
    if (!notes.entry && notes.phys32_entry) {
        return fail(ErrorCode::NotBootable,
                    "the kernel cannot run as a PV guest: its notes only offer a PVH entry (Linux: CONFIG_XEN_PV)");
    }
    if (!notes.xen_version.empty() && notes.xen_version != kInterface) {
        return fail(ErrorCode::NotBootable, fmt::format("the kernel is for the guest interface \"{:.32}\", this is \"{}\"",
                                                        notes.xen_version, kInterface));
    }
    if (!notes.loader.empty() && notes.loader.find("generic") == std::string::npos) {
        return fail(ErrorCode::NotBootable,
                    fmt::format("the kernel wants a loader of its own (\"{:.32}\")", notes.loader));
    }
    return {};
}

Result<void> check_features(const KernelImage& kernel, std::uint32_t offered) {
    const std::uint32_t missing = kernel.notes.features.required & ~offered;
    if (missing == 0) return {};
    return fail(ErrorCode::NotBootable,
                fmt::format("the kernel requires hypervisor features that a PV guest does not get (\"{:.256}\"; missing "
                            "bits {:#x})",
                            kernel.notes.features_text, missing));
}

}  // namespace hvctl
