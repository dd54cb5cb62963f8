#include "hvctl/pv_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hv/abi/xen/start_info.hpp"
#include "hvctl/domain_memory.hpp"
#include "hvctl/page_tables.hpp"
#include "hvctl/try.hpp"
#include "pv_start.hpp"

namespace hvctl {

namespace {

// Work between two looks at `cancel`, and between two reports.
constexpr std::uint64_t kFramesPerStep = 64ull << 20 >> kPageShift;
constexpr std::uint64_t kBytesPerStep = 4ull << 20;

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span{&value, 1});
}

class PvBuild {
  public:
    PvBuild(const Control& control, const XenCalls& xen, const KernelImage& kernel, const PvSpec& spec,
            const BuildProgress& progress, const std::stop_token& cancel)
        : control_{control}, xen_{xen}, kernel_{kernel}, spec_{spec}, progress_{progress}, cancel_{cancel} {}

    Result<PvDomain> run() {
        PvDomain built;
        TRY(in(BuildPhase::Plan, plan(built.layout)));
        PopulatedMemory memory{control_, spec_.domain, TRY(in(BuildPhase::Memory, populate()))};
        TRY(in(BuildPhase::Kernel, load_kernel(built.layout, memory)));
        TRY(in(BuildPhase::Initrd, load_initrd(built.layout, memory)));
        TRY(in(BuildPhase::Tables, write_tables(built.layout, memory)));
        TRY(in(BuildPhase::Rings, make_rings(built, memory)));
        TRY(in(BuildPhase::Start, start(built.layout, memory)));
        return built;
    }

  private:
    template <class T>
    Result<T> in(BuildPhase phase, Result<T> result) const {
        return within(name_of(phase), std::move(result));
    }

    // Reports, and stops a build that is not wanted any more.
    Result<void> report(BuildPhase phase, std::uint64_t done, std::uint64_t total) const {
        if (cancel_.stop_requested()) return fail(ErrorCode::Cancelled, "the build was cancelled");
        if (progress_) progress_(phase, done, total);
        return {};
    }

    Result<void> plan(PvLayout& layout) const {
        TRY(report(BuildPhase::Plan, 0, 1));
        layout = TRY(plan_pv_build(kernel_, spec_));
        return {};
    }

    Result<std::vector<Mfn>> populate() const {
        std::vector<Mfn> frames;
        frames.reserve(spec_.pages);
        while (frames.size() < spec_.pages) {
            TRY(report(BuildPhase::Memory, frames.size(), spec_.pages));
            const auto part =
                xen_.populate(spec_.domain, Pfn{frames.size()}, std::min(kFramesPerStep, spec_.pages - frames.size()));
            if (!part && part.error().code() == ErrorCode::NoMemory) return not_enough_memory();
            if (!part) return std::unexpected(part.error());
            frames.insert(frames.end(), part->begin(), part->end());
        }
        return frames;
    }

    // Of the whole, where populate() only knows its step.
    std::unexpected<Error> not_enough_memory() const {
        const auto domain = control_.domain(spec_.domain);
        return fail(
            ErrorCode::NoMemory,
            fmt::format("not enough memory for domain {}: it wants {} MiB and got {} MiB before the host's free "
                        "memory or the domain's maximum ended; stop another domain or take less",
                        spec_.domain.raw, (spec_.pages + 255) >> 8, domain ? domain->frames >> 8 : 0));
    }

    Result<void> write_in_steps(BuildPhase phase, DomainMemory& memory, std::uint64_t address,
                                std::span<const std::byte> data, std::uint64_t before, std::uint64_t total) const {
        for (std::uint64_t at = 0; at < data.size(); at += kBytesPerStep) {
            TRY(report(phase, before + at, total));
            const auto part = data.subspan(at, std::min(kBytesPerStep, data.size() - at));
            TRY(memory.write(Pfn{(address + at) >> kPageShift}, (address + at) % kPageSize, part));
        }
        return {};
    }

    Result<void> load_kernel(const PvLayout& layout, DomainMemory& memory) const {
        std::uint64_t total = 0;
        for (const KernelSegment& segment : kernel_.segments) total += segment.file_size;
        TRY(report(BuildPhase::Kernel, 0, total));
        std::uint64_t done = 0;
        for (const KernelSegment& segment : kernel_.segments) {
            const std::uint64_t address = pseudo_physical(layout, segment);
            TRY(write_in_steps(BuildPhase::Kernel, memory, address,
                               kernel_.elf.subspan(segment.file_offset, segment.file_size), done, total));
            const std::uint64_t rest = address + segment.file_size;
            TRY(memory.zero(Pfn{rest >> kPageShift}, rest % kPageSize, segment.memory_size - segment.file_size));
            done += segment.file_size;
        }
        if (layout.hypercall_page) {
            TRY(control_.init_hypercall_page(spec_.domain, memory.mfn(*layout.hypercall_page)));
        }
        return {};
    }

    Result<void> load_initrd(const PvLayout& layout, DomainMemory& memory) const {
        return write_in_steps(BuildPhase::Initrd, memory, layout.initrd.first.raw << kPageShift, spec_.initrd, 0,
                              spec_.initrd.size());
    }

    Result<void> write_tables(const PvLayout& layout, PopulatedMemory& memory) const {
        TRY(report(BuildPhase::Tables, 0, 2));
        TRY(memory.write(layout.p2m.first, 0, std::as_bytes(memory.frames())));
        TRY(report(BuildPhase::Tables, 1, 2));
        return write_page_tables(layout, memory);
    }

    Result<void> make_rings(PvDomain& built, DomainMemory& memory) const {
        const PvLayout& layout = built.layout;
        TRY(report(BuildPhase::Rings, 0, 1));
        TRY(memory.zero(layout.store, 0, kPageSize));
        TRY(memory.zero(layout.console, 0, kPageSize));
        PvRings& rings = built.rings;
        rings.console = memory.mfn(layout.console);
        rings.store = memory.mfn(layout.store);
        rings.store_port = TRY(xen_.alloc_unbound(spec_.domain, spec_.backend));
        rings.console_port = TRY(xen_.alloc_unbound(spec_.domain, spec_.backend));
        TRY(control_.seed_grants(spec_.domain, spec_.backend, rings.console, rings.store));
        const abi::DomainInfo domain = TRY(control_.domain(spec_.domain));
        const auto info = make_start_info(spec_, layout, rings, Mfn{domain.shared_info_mfn});
        return memory.write(layout.start_info, 0, bytes_of(info));
    }

    // Last, because pinning turns frames into page tables that may not be written to any more.
    Result<void> start(const PvLayout& layout, const DomainMemory& memory) const {
        TRY(report(BuildPhase::Start, 0, 1));
        TRY(xen_.pin_l4(spec_.domain, memory.mfn(layout.page_tables.first)));
        return control_.set_vcpu_context(spec_.domain, VcpuId{0}, bytes_of(make_boot_context(layout, memory)));
    }

    const Control& control_;
    const XenCalls& xen_;
    const KernelImage& kernel_;
    const PvSpec& spec_;
    const BuildProgress& progress_;
    const std::stop_token& cancel_;
};

}  // namespace

std::string_view name_of(BuildPhase phase) {
    switch (phase) {
        case BuildPhase::Plan: return "plan the memory layout";
        case BuildPhase::Memory: return "populate memory";
        case BuildPhase::Kernel: return "load the kernel";
        case BuildPhase::Initrd: return "load the initrd";
        case BuildPhase::Tables: return "write the page tables";
        case BuildPhase::Rings: return "set up store and console";
        case BuildPhase::Start: return "start vCPU 0";
    }
    return "build";
}

Result<PvLayout> plan_pv_build(const KernelImage& kernel, const PvSpec& spec) {
    if (spec.cmdline.size() >= hv::abi::xen::kMaxGuestCmdline) {
        return fail(ErrorCode::TooLarge, fmt::format("the kernel command line has {} bytes, at most {} fit",
                                                     spec.cmdline.size(), hv::abi::xen::kMaxGuestCmdline - 1));
    }
    if (spec.cmdline.find('\0') != std::string::npos)
        return fail(ErrorCode::InvalidArgument, "the kernel command line contains a NUL byte");
    return plan_pv_layout(kernel, spec.initrd.size(), spec.pages);
}

Result<PvDomain> build_pv_domain(const Control& control, const XenCalls& xen, const KernelImage& kernel,
                                 const PvSpec& spec, const BuildProgress& progress, const std::stop_token& cancel) {
    return PvBuild{control, xen, kernel, spec, progress, cancel}.run();
}

}  // namespace hvctl
