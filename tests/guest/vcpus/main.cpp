// Promised: a guest initialises its vCPUs, starts and stops them, and registers their areas.
// Exercised: initialise once and twice, with bad contexts; up, down, is_up; register_vcpu_info; the time area; physical
// id. A pass means: the second vCPU ran with the context that it was given, and no bad context was taken.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

volatile u32 ran_on = ~0u;
volatile u64 got_argument;

void body(void* argument) {
    ran_on = this_vcpu().id;
    got_argument = reinterpret_cast<u64>(argument);
}

void check_bad_contexts() {
    const auto refused = [](auto spoil) {
        VcpuGuestContext& context = prepare_context(1, body, nullptr);
        spoil(context);
        return vcpu_op(VcpuCommand::Initialise, 1, &context) < 0;
    };
    EXPECT_TRUE(refused([](VcpuGuestContext& c) { c.ctrlreg[3] = 0; }));
    EXPECT_TRUE(refused([](VcpuGuestContext& c) { c.ctrlreg[3] = ~0ull << 12; }));
    EXPECT_TRUE(refused([](VcpuGuestContext& c) { c.ctrlreg[3] = frame_to_cr3(mfn_of(entry_for(kVirtBase, 1))); }));
    EXPECT_TRUE(refused([](VcpuGuestContext& c) { c.ctrlreg[3] = frame_to_cr3(mfn_of(const_cast<u32*>(&ran_on))); }));
    EXPECT_TRUE(refused([](VcpuGuestContext& c) { c.gdt_entries = 100000; }));
    EXPECT_TRUE(refused([](VcpuGuestContext& c) {
        c.gdt_entries = 512;
        c.gdt_frames[0] = ~0ull;
    }));
    EXPECT_TRUE(refused([](VcpuGuestContext& c) { c.event_callback_rip = 0x0000'8000'0000'0000; }));
    EXPECT_TRUE(refused([](VcpuGuestContext& c) { c.ldt_base = kVirtBase + 1, c.ldt_entries = 10; }));
    EXPECT_TRUE(refused([](VcpuGuestContext& c) { c.ldt_entries = 9000; }));
    EXPECT_TRUE(vcpu_op(VcpuCommand::Up, 1, nullptr) < 0);  // still without a context
    EXPECT_TRUE(vcpu_op(VcpuCommand::Initialise, 9999, &prepare_context(1, body, nullptr)) < 0);
    EXPECT_TRUE(vcpu_op(VcpuCommand::Up, 9999, nullptr) < 0);
    EXPECT_TRUE(vcpu_op(VcpuCommand::Down, 9999, nullptr) < 0);
}

void check_life() {
    EXPECT_EQ(vcpu_op(VcpuCommand::IsUp, 0, nullptr), 1);
    EXPECT_EQ(vcpu_op(VcpuCommand::IsUp, 1, nullptr), 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::Initialise, 1, &prepare_context(1, body, reinterpret_cast<void*>(0xabcd))), 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::Initialise, 1, &prepare_context(1, body, nullptr)), -kEEXIST);
    EXPECT_EQ(vcpu_op(VcpuCommand::IsUp, 1, nullptr), 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::Up, 1, nullptr), 0);
    wait_until_down(1);
    EXPECT_EQ(ran_on, 1);
    EXPECT_EQ(got_argument, 0xabcd);
    // Up again, the vCPU goes on after the hypercall that took it down, and goes down again.
    EXPECT_EQ(vcpu_op(VcpuCommand::Up, 1, nullptr), 0);
    wait_until_down(1);
}

void check_areas() {
    const Page page = allocate_page();
    VcpuRegisterVcpuInfo op{page.mfn, 4096 - 32, 0};
    EXPECT_TRUE(vcpu_op(VcpuCommand::RegisterVcpuInfo, 1, &op) < 0);  // crosses the page
    op = {~0ull >> 12, 0, 0};
    EXPECT_TRUE(vcpu_op(VcpuCommand::RegisterVcpuInfo, 1, &op) < 0);
    op = {top_table_mfn(), 0, 0};
    EXPECT_TRUE(vcpu_op(VcpuCommand::RegisterVcpuInfo, 1, &op) < 0);  // hv would write to a page table
    op = {page.mfn, 128, 0};
    EXPECT_TRUE(vcpu_op(VcpuCommand::RegisterVcpuInfo, 9999, &op) < 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterVcpuInfo, 1, &op), 0);
    EXPECT_TRUE(vcpu_op(VcpuCommand::RegisterVcpuInfo, 1, &op) < 0);  // once
    EXPECT_EQ(make_read_only(page), 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, page.mfn) < 0);  // hv holds it writable
    EXPECT_EQ(make_writable(page), 0);

    static VcpuTimeInfo time;
    VcpuRegisterArea area{reinterpret_cast<u64>(&time)};
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterVcpuTimeMemoryArea, 0, &area), 0);
    area.address = 0x1000;
    EXPECT_TRUE(vcpu_op(VcpuCommand::RegisterVcpuTimeMemoryArea, 0, &area) <= 0);
}

}  // namespace

void guest::test_main() {
    EXPECT_TRUE(vcpu_count() >= 1);
    if (vcpu_count() < 2) return;
    check_bad_contexts();
    check_life();
    check_areas();
}
