// Promised: a guest brings its own GDT and LDT, and no entry in them leads to more privilege.
// Exercised: set_gdt and MMUEXT_SET_LDT with good and bad tables, update_descriptor with every kind of descriptor,
// loads of segment registers from both tables. A pass means: ordinary segments work, gates and system segments never
// get in, ring 0 never appears.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

constexpr u64 kData3 = 0x00cf'f300'0000'ffff;
constexpr u64 kCode3 = 0x00af'fb00'0000'ffff;
constexpr u64 kData0 = 0x00cf'9300'0000'ffff;
constexpr u64 kCode0 = 0x00af'9b00'0000'ffff;
constexpr u64 kCallGate = 0x0000'ec00'e008'1234;       // to selector 0xe008, DPL 3
constexpr u64 kInterruptGate = 0x0000'ee00'e008'1234;  // DPL 3
constexpr u64 kTss = 0x0000'8900'0000'0067;
constexpr u64 kLdt = 0x0000'e200'0000'0fff;

unsigned privilege_of(u64 descriptor) {
    return descriptor >> 45 & 3;
}

Fault load_fs(u16 selector) {
    return catch_fault([selector] { asm volatile("mov %0, %%fs" : : "r"(static_cast<u32>(selector))); });
}

long update_descriptor(const Page& page, unsigned index, u64 descriptor) {
    return hypercall(HypercallId::UpdateDescriptor, page.mfn * kPageSize + index * 8, descriptor);
}

long set_gdt(const Page& page, u32 entries) {
    u64 frame = page.mfn;
    return hypercall(HypercallId::SetGdt, &frame, entries);
}

// A refused descriptor, or one that was made harmless.
void expect_harmless(const Page& page, unsigned index, u64 descriptor) {
    if (update_descriptor(page, index, descriptor) < 0) return;
    EXPECT_TRUE(privilege_of(page.words()[index]) == 3 && (page.words()[index] >> 44 & 1));
}

void check_gdt() {
    const Page gdt = allocate_page();
    gdt.words()[1] = kData3;
    gdt.words()[2] = kCode3;
    EXPECT_TRUE(set_gdt(gdt, 512) < 0);  // still writable
    EXPECT_EQ(make_read_only(gdt), 0);
    EXPECT_EQ(set_gdt(gdt, 512), 0);
    EXPECT_TRUE(!load_fs(1 << 3 | 3).happened);
    EXPECT_TRUE(!load_fs(0).happened);
    EXPECT_EQ(update_descriptor(gdt, 3, kData3), 0);
    EXPECT_TRUE(!load_fs(3 << 3 | 3).happened);
    EXPECT_TRUE(!load_fs(0).happened);
    expect_harmless(gdt, 4, kData0);
    expect_harmless(gdt, 5, kCode0);
    EXPECT_TRUE(update_descriptor(gdt, 6, kCallGate) < 0);
    EXPECT_TRUE(update_descriptor(gdt, 6, kInterruptGate) < 0);
    EXPECT_TRUE(update_descriptor(gdt, 6, kTss) < 0);
    EXPECT_TRUE(update_descriptor(gdt, 6, kLdt) < 0);
    EXPECT_EQ(gdt.words()[6], 0);
    EXPECT_EQ(update_descriptor(gdt, 6, kCallGate & ~(1ull << 47)), 0);  // not present: harmless
    const Fault fault = load_fs(7 << 3 | 3);
    EXPECT_TRUE(fault.happened && fault.vector == kGeneralProtection && fault.error == 7 << 3);
    EXPECT_TRUE(try_write(gdt.address()).happened);
    EXPECT_EQ(set_gdt(gdt, 0), 0);
    EXPECT_EQ(make_writable(gdt), 0);
}

void check_bad_gdts() {
    for (const u64 bad : {kCallGate, kInterruptGate, kTss, kLdt}) {
        const Page gdt = allocate_page();
        gdt.words()[1] = kData3;
        gdt.words()[100] = bad;
        EXPECT_EQ(make_read_only(gdt), 0);
        EXPECT_TRUE(set_gdt(gdt, 512) < 0);
        EXPECT_EQ(make_writable(gdt), 0);
    }
    const Page ring0 = allocate_page();
    ring0.words()[1] = kCode0;
    EXPECT_EQ(make_read_only(ring0), 0);
    if (set_gdt(ring0, 512) == 0) {
        EXPECT_EQ(privilege_of(ring0.words()[1]), 3);
        EXPECT_EQ(set_gdt(ring0, 0), 0);
    }
    u64 frames[16];
    for (u64& frame : frames) frame = ring0.mfn;
    EXPECT_TRUE(hypercall(HypercallId::SetGdt, frames, kFirstReservedGdtEntry + 1) < 0);
    EXPECT_TRUE(hypercall(HypercallId::SetGdt, frames, 0xffff'ffff) < 0);
    EXPECT_EQ(hypercall(HypercallId::SetGdt, 0x1000, 512), -kEFAULT);
    frames[0] = ~0ull;
    EXPECT_TRUE(hypercall(HypercallId::SetGdt, frames, 512) < 0);
    frames[0] = top_table_mfn();
    EXPECT_TRUE(hypercall(HypercallId::SetGdt, frames, 512) < 0);
    EXPECT_EQ(make_writable(ring0), 0);
}

void check_update_descriptor_targets() {
    const u64 table = machine_address_of(reinterpret_cast<void*>(start_info().pt_base));
    EXPECT_TRUE(hypercall(HypercallId::UpdateDescriptor, table, kData3) < 0);
    EXPECT_TRUE(hypercall(HypercallId::UpdateDescriptor, 0x000f'ffff'ffff'f000, kData3) < 0);
    const Page page = allocate_page();
    EXPECT_TRUE(hypercall(HypercallId::UpdateDescriptor, page.mfn * kPageSize + 4, kData3) < 0);
}

void check_ldt() {
    const Page ldt = allocate_page();
    ldt.words()[2] = kData3;
    EXPECT_EQ(make_read_only(ldt), 0);
    EXPECT_EQ(mmuext(MmuextCommand::SetLdt, ldt.address(), 512), 0);
    EXPECT_TRUE(!load_fs(2 << 3 | 4 | 3).happened);
    EXPECT_TRUE(!load_fs(0).happened);
    EXPECT_TRUE(load_fs(3 << 3 | 4 | 3).happened);  // an empty entry
    EXPECT_EQ(mmuext(MmuextCommand::SetLdt, 0, 0), 0);
    EXPECT_TRUE(load_fs(2 << 3 | 4 | 3).happened);
    EXPECT_EQ(make_writable(ldt), 0);

    ldt.words()[2] = kCallGate;
    EXPECT_EQ(make_read_only(ldt), 0);
    if (mmuext(MmuextCommand::SetLdt, ldt.address(), 512) == 0) EXPECT_TRUE(load_fs(2 << 3 | 4 | 3).happened);
    EXPECT_EQ(mmuext(MmuextCommand::SetLdt, 0, 0), 0);
    EXPECT_EQ(make_writable(ldt), 0);
    EXPECT_TRUE(mmuext(MmuextCommand::SetLdt, ldt.address() + 8, 16) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::SetLdt, ldt.address(), 8193) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::SetLdt, 0x0000'8000'0000'0000, 16) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::SetLdt, kHypervisorVirtStart, 16) < 0);
}

}  // namespace

void guest::test_main() {
    check_gdt();
    check_bad_gdts();
    check_update_descriptor_targets();
    check_ldt();
}
