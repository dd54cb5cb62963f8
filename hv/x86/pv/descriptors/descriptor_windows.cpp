#include "hv/x86/pv/descriptors/descriptor_windows.hpp"

#include <array>

#include "hv/abi/xen/layout.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/heap.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/hv_slots.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

// Each CPU's windows have a page table of their own: isolated guests' tables have this one and no other.
constexpr std::uint64_t kBytesPerCpu = kEntriesPerTable * kPageSize;
constexpr unsigned kTssPage = 2 * kWindowPages;
constexpr Pte kWindowFlags = kPtePresent | kPteWritable | kPteAccessed | kPteDirty | kPteNoExecute;

constinit Pte* g_l2 = nullptr;
constinit std::array<Pte*, kMaxCpus> g_l1{};

std::uint64_t window(CpuId cpu) {
    return kWindowsBase + std::uint64_t{cpu.raw} * kBytesPerCpu;
}

Pte* window_entries(CpuId cpu) {
    return g_l1[cpu.raw];
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

Pte window_entry(const FrameInfo* info) {
    return info ? make_pte(frame_number(*info), kWindowFlags) : 0;
}

}  // namespace

void show_in_window(unsigned page, const FrameInfo* info) {
    set_window_page(hv::current_cpu(), page, window_entry(info));
}

void load_descriptor_tables(Vcpu& vcpu) {
    const CpuId cpu = hv::current_cpu();
    const PvVcpu& arch = pv(vcpu);
    for (unsigned page = 0; page < abi::xen::kFirstReservedGdtPage; ++page) {
        FrameInfo* info = page < arch.gdt_frame_count ? arch.gdt_frames[page] : nullptr;
        if (!info && window_entries(cpu)[page] == 0) break;
        set_window_page(cpu, page, window_entry(info));
    }
    for (unsigned page = 0; page < kWindowPages; ++page) {
        set_window_page(cpu, kWindowPages + page, window_entry(arch.ldt_frames[page]));
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

std::uint64_t show_tss(CpuId cpu) {
    const auto tss = reinterpret_cast<std::uint64_t>(cpu_data(cpu).tss);
    window_entries(cpu)[kTssPage] = make_pte(frame_of_pointer(cpu_data(cpu).tss), kWindowFlags);
    return window(cpu) + kTssPage * kPageSize + tss % kPageSize;
}

Pte windows_entry(CpuId cpu) {
    return g_l2[index_in(2, window(cpu))];
}

Result<> create_descriptor_windows(CpuId cpu, Mfn gdt_page) {
    if (!g_l2) {
        // The L3 table is there from the start, in every address space.
        const auto* l4 = static_cast<const Pte*>(frame_pointer(frame_of(hv_page_table())));
        auto* l3 = static_cast<Pte*>(frame_pointer(frame_in(l4[kWindowsSlot])));
        g_l2 = static_cast<Pte*>(allocate_page());
        if (!g_l2) return fail(Error::NoMemory);
        l3[index_in(3, kWindowsBase)] = make_pte(frame_of_table(g_l2), kPtePresent | kPteWritable | kPteAccessed);
    }
    Pte*& l1 = g_l1[cpu.raw];
    l1 = static_cast<Pte*>(allocate_page());
    if (!l1) return fail(Error::NoMemory);
    g_l2[index_in(2, window(cpu))] = make_pte(frame_of_table(l1), kPtePresent | kPteWritable | kPteAccessed);
    window_entries(cpu)[abi::xen::kFirstReservedGdtPage] = make_pte(gdt_page, kWindowFlags);
    return {};
}

}  // namespace hv::x86
