#include "hv/x86/pv/descriptors/descriptors.hpp"

#include <array>

#include "hv/abi/xen/layout.hpp"
#include "hv/base/nospec.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/pv/descriptors/descriptor_windows.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

// Bits of a descriptor (Intel SDM volume 3, "Segment Descriptors").
constexpr std::uint64_t kSystem = std::uint64_t{1} << 44;  // clear: a system descriptor
constexpr std::uint64_t kCode = std::uint64_t{1} << 43;
constexpr std::uint64_t kConforming = std::uint64_t{1} << 42;
constexpr std::uint64_t kDplMask = std::uint64_t{3} << 45;
constexpr std::uint64_t kDescriptorPresent = std::uint64_t{1} << 47;
constexpr std::uint64_t kLong = std::uint64_t{1} << 53;
constexpr std::uint64_t kDefault32 = std::uint64_t{1} << 54;

}  // namespace

Result<std::uint64_t> check_descriptor(std::uint64_t descriptor) {
    if (!(descriptor & kDescriptorPresent)) {
        return descriptor;  // always faults
    }
    if (!(descriptor & kSystem)) {
        return fail(Error::BadArgument);  // gates, LDT and TSS descriptors
    }
    if (descriptor & kCode) {
        // Conforming code would run at its caller's privilege wherever it lies; long mode
        // with a 32-bit default is reserved.
        if ((descriptor & kConforming) && (descriptor & kLong)) return fail(Error::BadArgument);
        if ((descriptor & kLong) && (descriptor & kDefault32)) return fail(Error::BadArgument);
    }
    return descriptor | kDplMask;
}

Result<> validate_descriptor_page(FrameInfo& info) {
    auto* entries = static_cast<std::uint64_t*>(frame_pointer(frame_number(info)));
    for (unsigned i = 0; i < kPageSize / sizeof(std::uint64_t); ++i) {
        const std::uint64_t checked = TRY(check_descriptor(entries[i]));
        if (checked != entries[i]) entries[i] = checked;
    }
    return {};
}

void release_gdt(Vcpu& vcpu) {
    PvVcpu& arch = pv(vcpu);
    for (unsigned i = 0; i < arch.gdt_frame_count; ++i) {
        put_frame_and_type(*arch.gdt_frames[i]);
        arch.gdt_frames[i] = nullptr;
    }
    arch.gdt_frame_count = 0;
    arch.gdt_entries = 0;
}

Result<> set_gdt(Vcpu& vcpu, const std::uint64_t* frames, unsigned frame_count, std::uint32_t entries) {
    if (entries > abi::xen::kFirstReservedGdtEntry || frame_count > abi::xen::kFirstReservedGdtPage)
        return fail(Error::BadArgument);
    std::array<FrameInfo*, kWindowPages> taken{};
    for (unsigned i = 0; i < frame_count; ++i) {
        Result<FrameInfo*> info =
            get_frame_and_type(Mfn{frames[i]}, vcpu.domain.id, FrameType::Descriptor, Preemption::Allowed);
        if (!info) {
            while (i-- > 0) put_frame_and_type(*taken[i]);
            return fail(info.error());
        }
        taken[i] = *info;
    }
    PvVcpu& arch = pv(vcpu);
    if (&vcpu == &current_vcpu()) {
        // The window must not show the old frames once they are given back.
        for (unsigned page = 0; page < arch.gdt_frame_count; ++page) show_in_window(page, nullptr);
    }
    release_gdt(vcpu);
    arch.gdt_frames = taken;
    arch.gdt_frame_count = frame_count;
    arch.gdt_entries = entries;
    if (&vcpu == &current_vcpu()) load_descriptor_tables(vcpu);
    return {};
}

void release_ldt(Vcpu& vcpu) {
    PvVcpu& arch = pv(vcpu);
    const bool loaded = &vcpu == &current_vcpu();
    for (unsigned page = 0; page < kWindowPages; ++page) {
        if (!arch.ldt_frames[page]) continue;
        if (loaded) show_in_window(kWindowPages + page, nullptr);
        put_frame_and_type(*arch.ldt_frames[page]);
        arch.ldt_frames[page] = nullptr;
    }
}

Result<> set_ldt(Vcpu& vcpu, GuestVirtual base, std::uint32_t entries) {
    if (entries > abi::xen::kMostLdtEntries || base.offset_in_page() != 0) return fail(Error::BadArgument);
    if (entries != 0 && !guest_range_allowed(base, entries * 8ull)) return fail(Error::BadArgument);
    release_ldt(vcpu);
    PvVcpu& arch = pv(vcpu);
    arch.ldt_base = base;
    arch.ldt_entries = entries;
    if (&vcpu == &current_vcpu()) load_descriptor_tables(vcpu);
    return {};
}

Result<> map_ldt_page(Vcpu& vcpu, unsigned page, Preemption preemption) {
    PvVcpu& arch = pv(vcpu);
    if (page >= kWindowPages || page * kPageSize >= arch.ldt_entries * 8ull || arch.ldt_frames[page])
        return fail(Error::BadArgument);
    page = index_nospec(page, kWindowPages);
    // The kernel's tables say where it is, also when user mode, whose tables need not have it, makes the first use.
    const Pte entry = guest_kernel_l1_entry(vcpu, arch.ldt_base + page * kPageSize);
    if (!is_present(entry)) return fail(Error::BadArgument);
    FrameInfo* info = TRY(get_frame_and_type(frame_in(entry), vcpu.domain.id, FrameType::Descriptor, preemption));
    arch.ldt_frames[page] = info;
    show_in_window(kWindowPages + page, info);
    return {};
}

}  // namespace hv::x86
