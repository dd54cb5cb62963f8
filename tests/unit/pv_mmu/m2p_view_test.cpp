// The machine-to-physical table is for kernels: user mode's tables do not have it.
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/pv/mmu/hv_slots.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

class M2pView : public Mmu {};

TEST_F(M2pView, UserTablesDoNotShowIt) {
    const Tree kernel = make_tree(), user = make_tree();
    const Pte shown = table(hv::frame_of(hv_page_table()))[kM2pReadOnlySlot];
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, kernel.l4.raw), 0);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, user.l4.raw), 0);
    EXPECT_EQ(table(kernel.l4)[kM2pReadOnlySlot], shown);
    EXPECT_EQ(table(user.l4)[kM2pReadOnlySlot], 0u);
    EXPECT_EQ(table(user.l4)[kM2pReadOnlySlot + 1], table(kernel.l4)[kM2pReadOnlySlot + 1]);
    // Its use changes, and what it shows with it.
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, 0), 0);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, user.l4.raw), 0);
    EXPECT_EQ(table(user.l4)[kM2pReadOnlySlot], shown);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, kernel.l4.raw), 0);
    EXPECT_EQ(table(kernel.l4)[kM2pReadOnlySlot], 0u);
    // One table for both modes is the kernel's choice.
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, user.l4.raw), 0);
    EXPECT_EQ(table(user.l4)[kM2pReadOnlySlot], shown);
    // And the slot is hv's to write.
    EXPECT_EQ(set_entry(*domain, user.l4, kM2pReadOnlySlot, 0), kInvalid);
}

}  // namespace
