#include "pv_checks.hpp"

#include <fmt/format.h>

#include "hv/abi/xen/version.hpp"

namespace hvctl {

namespace {

constexpr std::string_view kInterface = "xen-3.0";

using hv::abi::xen::Feature;

constexpr std::uint32_t bit(Feature feature) {
    return 1u << static_cast<unsigned>(feature);
}

// Required features are not compared with what hv announces: every Linux requires writable_page_tables, which no
// hypervisor has announced for years. Only what contradicts an unprivileged PV guest is refused.
constexpr std::uint32_t kNeverForPvGuests = bit(Feature::AutoTranslatedPhysmap) | bit(Feature::SupervisorModeKernel) |
                                            bit(Feature::HvmCallbackVector) | bit(Feature::Dom0);

Result<void> check_required(const XenNotes& notes) {
    if ((notes.features.required & kNeverForPvGuests) == 0) return {};
    return fail(ErrorCode::NotBootable, fmt::format("the kernel requires hypervisor features that an unprivileged PV "
                                                    "guest does not get (it wants \"{:.256}\")",
                                                    notes.features_text));
}

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
        return fail(ErrorCode::NotBootable,
                    fmt::format("the kernel is for the guest interface \"{:.32}\", this is \"{}\"", notes.xen_version,
                                kInterface));
    }
    if (!notes.loader.empty() && notes.loader.find("generic") == std::string::npos) {
        return fail(ErrorCode::NotBootable,
                    fmt::format("the kernel wants a loader of its own (\"{:.32}\")", notes.loader));
    }
    return check_required(notes);
}

}  // namespace hvctl
