#include "hv/x86/pv/mmu/isolation.hpp"

#include <array>
#include <cstring>
#include <new>

#include "hv/domain/domain.hpp"
#include "hv/memory/heap.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/pv/descriptors/descriptor_windows.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"
#include "hv/x86/pv/mmu/root_copy.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

extern "C" const char entry_text_start[], entry_text_end[];

namespace hv::x86 {

// Of one CPU.
struct IsolatedRoots {
    struct Copy {
        Pte* table = nullptr;
        std::uint64_t physical = 0;
        std::uint64_t of = 0;  // CR3 with the table that it is a copy of
        std::uint64_t version = 0;
    };
    std::array<Copy, 2> copies;              // for user mode and for kernel mode
    std::uint8_t* block = nullptr;           // the pages in the place of the stacks
    std::uint64_t block_of = 0;              // identity of the domain whose registers may be left there
    TrapFrame* entry_frame = nullptr;        // where the way out leaves the frame
    std::uint64_t* entry_hv_root = nullptr;  // and what the next way in finds
};

namespace {

constexpr Pte kTable = kPtePresent | kPteWritable | kPteAccessed;
constexpr Pte kText = kPtePresent | kPteAccessed | kPteDirty;
constexpr Pte kConstant = kText | kPteNoExecute;
constexpr Pte kData = kConstant | kPteWritable;
constexpr unsigned kStackOrder = 3;
static_assert(kStackSize == kPageSize << kStackOrder);

Result<Pte*> table_below(Pte& entry) {
    if (!is_present(entry)) {
        void* page = allocate_page();
        if (!page) return fail(Error::NoMemory);
        entry = make_pte(frame_of_pointer(page), kTable);
    }
    return static_cast<Pte*>(frame_pointer(frame_in(entry)));
}

Result<> show_frame(Pte* root, std::uint64_t address, Mfn frame, Pte flags) {
    Pte* l3 = TRY(table_below(root[index_in(4, address)]));
    Pte* l2 = TRY(table_below(l3[index_in(3, address)]));
    Pte* l1 = TRY(table_below(l2[index_in(2, address)]));
    l1[index_in(1, address)] = make_pte(frame, flags);
    return {};
}

// Pages of hv's image, where they are.
Result<> show_image(Pte* root, std::uint64_t start, std::uint64_t end, Pte flags) {
    for (std::uint64_t page = start & ~(kPageSize - 1); page < end; page += kPageSize) {
        std::uint64_t physical = 0;
        if (!translate_hv(page, physical)) return fail(Error::NoEntry);
        TRY(show_frame(root, page, Mfn{physical >> kPageShift}, flags));
    }
    return {};
}

// Pages of `block` in the place of the CPU's stacks: those of the IST and the one that TSS.rsp0 is in.
Result<> show_entry_stacks(Pte* root, const PerCpu& cpu, std::uint8_t* block) {
    for (unsigned page = 0; page < kStackSize / kPageSize; ++page) {
        if (page >= kStackGuardPage && page != kStackSize / kPageSize - 1) continue;
        TRY(show_frame(root, cpu.stack_block + page * kPageSize, frame_of_pointer(block + page * kPageSize), kData));
    }
    return {};
}

Result<> show_windows(Pte* root, CpuId cpu) {
    const std::uint64_t address = gdt_window(cpu);
    Pte* l3 = TRY(table_below(root[index_in(4, address)]));
    Pte* l2 = TRY(table_below(l3[index_in(3, address)]));
    l2[index_in(2, address)] = windows_entry(cpu);
    return {};
}

Result<> show_way_in(Pte* root, const PerCpu& cpu, std::uint8_t* block) {
    const auto at = [](const char* symbol) { return reinterpret_cast<std::uint64_t>(symbol); };
    TRY(show_image(root, at(entry_text_start), at(entry_text_end), kText));
    TRY(show_image(root, idt_address(), idt_address() + 1, kConstant));
    TRY(show_windows(root, cpu.id));
    return show_entry_stacks(root, cpu, block);
}

}  // namespace

Result<> create_isolated_roots(CpuId number) {
    PerCpu& cpu = cpu_data(number);
    auto* roots = new (std::nothrow) IsolatedRoots;
    auto* block = static_cast<std::uint8_t*>(allocate_pages(kStackOrder));
    if (!roots || !block) return fail(Error::NoMemory);
    for (IsolatedRoots::Copy& copy : roots->copies) {
        copy.table = static_cast<Pte*>(allocate_page());
        if (!copy.table) return fail(Error::NoMemory);
        copy.physical = address_of(frame_of_pointer(copy.table)).raw;
    }
    TRY(show_way_in(roots->copies[0].table, cpu, block));
    for (unsigned slot = kFirstHvSlot; slot <= kLastHvSlot; ++slot)
        roots->copies[1].table[slot] = roots->copies[0].table[slot];
    roots->block = block;
    const std::uint64_t alias = reinterpret_cast<std::uint64_t>(block) - cpu.stack_block;
    IsolationGate& gate = per_cpu_of_block(reinterpret_cast<std::uint64_t>(block)).isolation;
    gate.entry_alias = alias;
    roots->entry_hv_root = &gate.hv_root;
    roots->entry_frame = reinterpret_cast<TrapFrame*>(reinterpret_cast<std::uint64_t>(cpu.frame) + alias);
    cpu.isolated_roots = roots;
    return {};
}

namespace {

// What one guest's ways in left on these pages is not for the next guest's eyes.
void forget_frames(IsolatedRoots& roots) {
    constexpr std::uint64_t kLastPage = kStackSize - kPageSize;
    std::memset(roots.block, 0, kStackGuardPage * kPageSize);
    // Up to what the way in needs.
    const PerCpu& shown = per_cpu_of_block(reinterpret_cast<std::uint64_t>(roots.block));
    const auto gate = reinterpret_cast<std::uint64_t>(&shown.isolation);
    std::memset(roots.block + kLastPage, 0, gate - reinterpret_cast<std::uint64_t>(roots.block + kLastPage));
}

}  // namespace

extern "C" [[gnu::hot]] std::uint64_t root_for_guest(const TrapFrame& frame) {
    const PerCpu& cpu = per_cpu();
    const Vcpu& vcpu = *cpu.current;
    const PvDomain& domain = pv(vcpu.domain);
    if (!domain.isolated) return 0;
    IsolatedRoots& roots = *cpu.isolated_roots;
    if (roots.block_of != domain.identity) [[unlikely]] {
        forget_frames(roots);
        roots.block_of = domain.identity;
    }
    IsolatedRoots::Copy& copy = roots.copies[pv(vcpu).kernel_mode];
    const std::uint64_t cr3 = read_cr3();
    // Before the table is read: what changes meanwhile makes another version.
    const std::uint64_t version = domain.roots_version.load(std::memory_order_acquire);
    if (copy.of != cr3 || copy.version != version) [[unlikely]] {
        copy_root(copy.table, Mfn{copy.physical >> kPageShift}, vcpu.domain, Mfn{cr3 >> kPageShift});
        copy.of = cr3;
        copy.version = version;
    }
    *roots.entry_frame = frame;
    *roots.entry_hv_root = cr3;
    return copy.physical;
}

}  // namespace hv::x86
