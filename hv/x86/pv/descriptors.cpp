#include "hv/x86/pv/descriptors.hpp"

#include <array>

#include "hv/abi/xen/layout.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/heap.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/arch_vcpu.hpp"
#include "hv/x86/pv/guest_tables.hpp"
#include "hv/x86/pv/hv_slots.hpp"

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

// Each CPU has 16 pages for a GDT and 16 for an LDT; one page table holds the windows of 16 CPUs.
constexpr unsigned kWindowPages = 16;
constexpr unsigned kCpusPerTable = kEntriesPerTable / (2 * kWindowPages);
constexpr Pte kWindowFlags = kPtePresent | kPteWritable | kPteAccessed | kPteDirty | kPteNoExecute;

constinit Pte* g_l2 = nullptr;
constinit std::array<Pte*, kMaxCpus / kCpusPerTable> g_l1{};

std::uint64_t window(CpuId cpu) {
    return kWindowsBase + std::uint64_t{cpu} * 2 * kWindowPages * kPageSize;
}

Pte* window_entries(CpuId cpu) {
    return g_l1[cpu / kCpusPerTable] + (cpu % kCpusPerTable) * 2 * kWindowPages;
}

void set_window_page(CpuId cpu, unsigned page, Pte entry) {
    Pte& slot = window_entries(cpu)[page];
    if (slot == entry) return;
    const bool was_present = is_present(slot);
    slot = entry;
    if (was_present) invalidate_page(window(cpu) + page * kPageSize);
}

Mfn frame_of_table(const void* table) {
    return frame_of_pointer(table);
}

}  // namespace

Result<std::uint64_t> check_descriptor(std::uint64_t descriptor) {
    if (!(descriptor & kDescriptorPresent)) {
        return descriptor;  // always faults
    }
    if (!(descriptor & kSystem)) {
        return fail(Error::BadArgument);  // gates, LDT and TSS descriptors
    }
    if (descriptor & kCode) {
        // Conforming code would run at its caller's privilege wherever it lies; long mode with a 32-bit default is reserved.
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
    ArchVcpu& arch = *vcpu.arch;
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
        Result<FrameInfo*> info = get_frame_and_type(Mfn{frames[i]}, vcpu.domain.id, FrameType::Descriptor);
        if (!info) {
            while (i-- > 0) put_frame_and_type(*taken[i]);
            return fail(Error::BadArgument);
        }
        taken[i] = *info;
    }
    ArchVcpu& arch = *vcpu.arch;
    if (&vcpu == &current_vcpu()) {
        // The window must not show the old frames once they are given back.
        for (unsigned page = 0; page < arch.gdt_frame_count; ++page) set_window_page(hv::current_cpu(), page, 0);
    }
    release_gdt(vcpu);
    arch.gdt_frames = taken;
    arch.gdt_frame_count = frame_count;
    arch.gdt_entries = entries;
    if (&vcpu == &current_vcpu()) load_descriptor_tables(vcpu);
    return {};
}

void release_ldt(Vcpu& vcpu) {
    ArchVcpu& arch = *vcpu.arch;
    const bool loaded = &vcpu == &current_vcpu();
    for (unsigned page = 0; page < kWindowPages; ++page) {
        if (!arch.ldt_frames[page]) continue;
        if (loaded) set_window_page(hv::current_cpu(), kWindowPages + page, 0);
        put_frame_and_type(*arch.ldt_frames[page]);
        arch.ldt_frames[page] = nullptr;
    }
}

Result<> set_ldt(Vcpu& vcpu, GuestVirtual base, std::uint32_t entries) {
    if (entries > 8192 || base.offset_in_page() != 0) return fail(Error::BadArgument);
    if (entries != 0 && !guest_range_allowed(base, entries * 8ull)) return fail(Error::BadArgument);
    release_ldt(vcpu);
    ArchVcpu& arch = *vcpu.arch;
    arch.ldt_base = base;
    arch.ldt_entries = entries;
    if (&vcpu == &current_vcpu()) load_descriptor_tables(vcpu);
    return {};
}

bool map_ldt_page(Vcpu& vcpu, unsigned page) {
    ArchVcpu& arch = *vcpu.arch;
    if (page >= kWindowPages || page * kPageSize >= arch.ldt_entries * 8ull || arch.ldt_frames[page]) return false;
    const Pte entry = guest_l1_entry(vcpu, arch.ldt_base + page * kPageSize);
    if (!is_present(entry)) return false;
    Result<FrameInfo*> info = get_frame_and_type(frame_in(entry), vcpu.domain.id, FrameType::Descriptor);
    if (!info) return false;
    arch.ldt_frames[page] = *info;
    set_window_page(hv::current_cpu(), kWindowPages + page, make_pte(frame_in(entry), kWindowFlags));
    return true;
}

void load_descriptor_tables(Vcpu& vcpu) {
    const CpuId cpu = hv::current_cpu();
    const ArchVcpu& arch = *vcpu.arch;
    for (unsigned page = 0; page < abi::xen::kFirstReservedGdtPage; ++page) {
        FrameInfo* info = page < arch.gdt_frame_count ? arch.gdt_frames[page] : nullptr;
        if (!info && window_entries(cpu)[page] == 0) break;
        set_window_page(cpu, page, info ? make_pte(frame_number(*info), kWindowFlags) : 0);
    }
    for (unsigned page = 0; page < kWindowPages; ++page) {
        FrameInfo* info = arch.ldt_frames[page];
        set_window_page(cpu, kWindowPages + page, info ? make_pte(frame_number(*info), kWindowFlags) : 0);
    }
    std::uint16_t selector = 0;
    if (arch.ldt_entries != 0) {
        const std::uint64_t base = ldt_window(cpu);
        const std::uint64_t limit = arch.ldt_entries * 8ull - 1;
        GdtPage& gdt = *per_cpu().gdt;
        gdt[kLdtSelector] = (limit & 0xffff) | ((base & 0xff'ffff) << 16) | (std::uint64_t{0x82} << 40) |
                            ((limit >> 16 & 0xf) << 48) | ((base >> 24 & 0xff) << 56);
        gdt[kLdtSelector + 8] = base >> 32;
        selector = kLdtSelector;
    }
    asm volatile("lldt %0" : : "r"(selector));
}

std::uint64_t gdt_window(CpuId cpu) {
    return window(cpu);
}

std::uint64_t ldt_window(CpuId cpu) {
    return window(cpu) + kWindowPages * kPageSize;
}

Result<> create_descriptor_windows(CpuId cpu, Mfn gdt_page) {
    if (!g_l2) {
        // The L3 table is there from the start, in every address space.
        const auto* l4 = static_cast<const Pte*>(frame_pointer(frame_of(hv_page_table())));
        auto* l3 = static_cast<Pte*>(frame_pointer(frame_in(l4[kWindowsSlot])));
        g_l2 = static_cast<Pte*>(allocate_page());
        if (!g_l2) return fail(Error::NoMemory);
        l3[index_in_l3(kWindowsBase)] = make_pte(frame_of_table(g_l2), kPtePresent | kPteWritable | kPteAccessed);
    }
    Pte*& l1 = g_l1[cpu / kCpusPerTable];
    if (!l1) {
        l1 = static_cast<Pte*>(allocate_page());
        if (!l1) return fail(Error::NoMemory);
        g_l2[index_in_l2(window(cpu))] = make_pte(frame_of_table(l1), kPtePresent | kPteWritable | kPteAccessed);
    }
    window_entries(cpu)[abi::xen::kFirstReservedGdtPage] = make_pte(gdt_page, kWindowFlags);
    return {};
}

}  // namespace hv::x86
