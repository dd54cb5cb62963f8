// Grants in page tables that others keep busy.
#include "hv/abi/xen/grant_table.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/x86/pv/mmu/table_lock.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

class GrantMapping : public Mmu {
  protected:
    static constexpr Gref kRef{9};

    void SetUp() override {
        Mmu::SetUp();
        l1_ = frame();
        ASSERT_EQ(pin(*vcpu, l1_, 1), 0);
        granted_ = fake::give_page(*other);
        auto* entries =
            static_cast<GrantEntryV1*>(hv::frame_pointer(MUST(other->grants.frame(0, false), "the first page")));
        entries[kRef] = {
            .flags = kGtfPermitAccess, .domid = domain->id.raw, .frame = static_cast<std::uint32_t>(granted_.raw)};
    }
    // One try, preempted at the first chance.
    template <class Op>
    hv::HypercallResult once(GrantCommand command, Op& op) {
        hv::HypercallArguments arguments{{static_cast<std::uint64_t>(command), fake::address(op), 1, 0, 0, 0}};
        fake::preempt_every(1);
        const hv::HypercallResult result = call_once(*vcpu, hv::do_grant_table_op, arguments);
        fake::preempt_every(0);
        return result;
    }
    Mfn l1_{0};
    Mfn granted_{0};
};

// The other vCPUs of a domain can have one of its L1 tables locked nearly all the time. A CPU that waits for it does so
// with interrupts off.
TEST_F(GrantMapping, ABusyTableIsNotWaitedFor) {
    GnttabMapGrantRef map{};
    map.host_addr = entry_address(l1_, 5);
    map.flags = kGntmapHostMap | kGntmapContainsPte;
    map.ref = kRef;
    map.domid = other->id.raw;
    ASSERT_TRUE(lock_l1_table(info(l1_), hv::Preemption::Forbidden));
    const hv::HypercallResult refused = once(GrantCommand::MapGrantRef, map);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error(), hv::Error::Restart);
    EXPECT_EQ(table(l1_)[5], 0u);
    EXPECT_EQ(info(granted_).references(), 1u);
    unlock_table(info(l1_));
    ASSERT_TRUE(once(GrantCommand::MapGrantRef, map).has_value());
    ASSERT_EQ(map.status, 0);
    EXPECT_EQ(frame_in(table(l1_)[5]), granted_);

    GnttabUnmapGrantRef unmap{};
    unmap.host_addr = map.host_addr;
    unmap.handle = map.handle;
    ASSERT_TRUE(lock_l1_table(info(l1_), hv::Preemption::Forbidden));
    const hv::HypercallResult kept = once(GrantCommand::UnmapGrantRef, unmap);
    ASSERT_FALSE(kept.has_value());
    EXPECT_EQ(kept.error(), hv::Error::Restart);
    EXPECT_EQ(frame_in(table(l1_)[5]), granted_);
    unlock_table(info(l1_));
    ASSERT_TRUE(once(GrantCommand::UnmapGrantRef, unmap).has_value());
    EXPECT_EQ(unmap.status, 0);
    EXPECT_EQ(table(l1_)[5], 0u);
    EXPECT_EQ(info(granted_).references(), 1u);
}

}  // namespace
