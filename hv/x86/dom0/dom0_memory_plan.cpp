#include "hv/x86/dom0/dom0_memory_plan.hpp"

#include <algorithm>

namespace hv::x86 {
namespace {

constexpr std::uint64_t frames_of(std::uint64_t bytes) {
    return bytes >> kPageShift;
}

constexpr std::uint64_t kMebibyte = 1 << 20, kGibibyte = 1 << 30;

// hv keeps some for itself and for the domains' tables.
constexpr std::uint64_t kReserveShare = 16, kLargestReserve = frames_of(128 * kMebibyte);

// The default: enough for a server's system, and most of the machine is left to guests.
constexpr std::uint64_t kDefaultBase = frames_of(kGibibyte), kDefaultShare = 16,
                        kLargestDefault = frames_of(8 * kGibibyte);

// An initial RAM disk unpacks to about three times its size before it is freed.
constexpr std::uint64_t kUnpackedRatio = 3, kKernelsWork = frames_of(32 * kMebibyte);

std::uint64_t default_frames(std::uint64_t available) {
    const std::uint64_t wanted = std::min(kDefaultBase + available / kDefaultShare, kLargestDefault);
    return std::min(wanted, available / 4 * 3);
}

}  // namespace

Result<std::uint64_t> dom0_frames_needed(const KernelImage& kernel, std::uint64_t initrd_bytes,
                                         std::uint64_t available) {
    const Dom0Layout layout = TRY(plan_layout(kernel, initrd_bytes, available));
    // The phys-to-machine list is as long as the memory that Dom0 gets, one frame for each 512.
    const std::uint64_t fixed = layout.used_frames - layout.p2m_frames - layout.p2m_tables;
    const std::uint64_t start = fixed + fixed / 256 + 8;
    if (initrd_bytes == 0) return start;
    return start + kUnpackedRatio * frames_of(initrd_bytes) + kKernelsWork;
}

Result<Dom0MemoryPlan> plan_dom0_memory(const Dom0MemoryOptions& options, std::uint64_t available,
                                        std::uint64_t needed) {
    const std::uint64_t limit = available - std::min(available / kReserveShare, kLargestReserve);
    if (needed > limit) return fail(Error::NoMemory);
    const auto in_frames = [&](const MemoryAmount& amount) { return frames_of(amount.of(available << kPageShift)); };
    const std::uint64_t usual = std::clamp(default_frames(available), needed, limit);

    // With a maximum and nothing else, it gets all of that, as on Xen.
    std::uint64_t asked = options.initial ? in_frames(*options.initial) : options.most ? limit : usual;
    if (options.least) asked = std::max(asked, in_frames(*options.least));
    if (options.most) asked = std::min(asked, in_frames(*options.most));

    Dom0MemoryPlan plan{asked, asked, asked, Dom0MemoryPlan::Remark::AsAsked};
    if (asked < needed) {
        plan.frames = usual;
        plan.remark = Dom0MemoryPlan::Remark::TooLittle;
    } else if (asked > limit) {
        plan.frames = limit;
        plan.remark = Dom0MemoryPlan::Remark::Cut;
    }
    plan.max_frames = options.most ? std::clamp(in_frames(*options.most), plan.frames, limit) : plan.frames;
    return plan;
}

}  // namespace hv::x86
