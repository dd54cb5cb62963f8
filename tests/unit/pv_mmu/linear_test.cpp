// Page tables that name tables of their own level, in a domain that may have them: what is refused, and that all
// references come back in whatever order things are taken apart, preempted at every step.
#include "hv/domain/relinquish.hpp"
#include "hv/x86/pv/mmu/entry_update.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/mmu/linear_tables.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

class Linear : public Mmu {
  protected:
    void SetUp() override {
        Mmu::SetUp();
        begin_domain();
    }
    void begin_domain() {
        domain = &fake::make_linear_domain(2);
        fake::settle();
        vcpu = domain->vcpu(hv::VcpuId{0});
    }
    // A pinned table of this level with nothing in it.
    Mfn pinned(unsigned level) {
        const Mfn mfn = frame();
        EXPECT_EQ(pin(*vcpu, mfn, level), 0);
        return mfn;
    }
    std::int64_t name(Mfn table, unsigned index, Mfn target, Pte flags = kReadOnly) {
        return set_entry(*domain, table, index, make_pte(target, flags));
    }
    void expect_plain(std::initializer_list<Mfn> frames) {
        for (const Mfn mfn : frames) {
            EXPECT_EQ(info(mfn).references(), 1u);
            EXPECT_EQ(info(mfn).type_count(), 0u);
            EXPECT_EQ(info(mfn).linear.load(), 0);
        }
    }
};

TEST_F(Linear, OnlyWhereTheDomainMay) {
    vcpu = (domain = other)->vcpu(hv::VcpuId{0});
    const Mfn table = pinned(3), second = pinned(3);
    EXPECT_EQ(name(table, 0, table), kInvalid);
    EXPECT_EQ(name(table, 0, second), kInvalid);
}

TEST_F(Linear, ATableNamesItself) {
    for (unsigned level = 2; level <= 4; ++level) {
        const Mfn table = pinned(level);
        EXPECT_EQ(name(table, 7, table), 0);
        EXPECT_EQ(name(table, 8, table), 0);
        EXPECT_EQ(audit::report(), "");
        EXPECT_EQ(info(table).type_count(), 1u);
        EXPECT_EQ(name(table, 8, Mfn{0}, 0), 0);
        EXPECT_EQ(unpin(*vcpu, table), 0);
        expect_plain({table});
        // The entry is there from the start, too.
        EXPECT_EQ(pin(*vcpu, table, level), 0);
        EXPECT_EQ(audit::report(), "");
        EXPECT_EQ(unpin(*vcpu, table), 0);
        expect_plain({table});
    }
}

TEST_F(Linear, NeverWritable) {
    const Mfn table = pinned(4), second = pinned(4), fresh = frame();
    EXPECT_EQ(name(table, 7, table, kReadWrite), kInvalid);
    EXPECT_EQ(name(table, 7, second, kReadWrite), kInvalid);
    EXPECT_EQ(name(table, 7, table), 0);
    EXPECT_EQ(name(table, 7, table, kReadWrite), kInvalid);
    EXPECT_EQ(name(table, 7, second), 0);
    EXPECT_EQ(name(table, 7, second, kReadWrite), kInvalid);
    guest::table(fresh)[3] = make_pte(fresh, kReadWrite);
    EXPECT_EQ(pin(*vcpu, fresh, 4), kInvalid);
    EXPECT_EQ(audit::report(), "");
}

TEST_F(Linear, NoChains) {
    const Mfn a = pinned(3), b = pinned(3), c = pinned(3);
    EXPECT_EQ(name(a, 0, b), 0);
    EXPECT_EQ(name(b, 0, c), kInvalid);  // b is named
    EXPECT_EQ(name(c, 0, a), kInvalid);  // a names
    EXPECT_EQ(name(b, 0, a), kInvalid);
    EXPECT_EQ(name(b, 0, b), 0);  // to itself it may
    EXPECT_EQ(name(c, 0, b), 0);
    EXPECT_EQ(info(b).linear.load(), 2);
    EXPECT_EQ(audit::report(), "");
    EXPECT_EQ(name(a, 0, Mfn{0}, 0), 0);
    EXPECT_EQ(name(c, 0, Mfn{0}, 0), 0);
    EXPECT_EQ(name(b, 1, c), 0);  // now it is free for the other role
    for (const Mfn table : {a, b, c}) EXPECT_EQ(unpin(*vcpu, table), 0);
    expect_plain({a, b, c});
}

TEST_F(Linear, ChainsInNewTables) {
    const Mfn a = frame(), b = frame(), c = frame();
    table(a)[0] = make_pte(b, kReadOnly);
    table(b)[0] = make_pte(c, kReadOnly);
    table(c)[0] = make_pte(a, kReadOnly);
    for (const Mfn mfn : {a, b, c}) EXPECT_EQ(pin(*vcpu, mfn, 4), kInvalid);  // three levels down is the table itself
    table(c)[0] = 0;
    EXPECT_EQ(pin(*vcpu, c, 4), 0);
    EXPECT_EQ(pin(*vcpu, b, 4), 0);
    EXPECT_EQ(pin(*vcpu, a, 4), kInvalid);
    EXPECT_EQ(audit::report(), "");
    EXPECT_EQ(unpin(*vcpu, c), 0);  // b keeps it
    EXPECT_EQ(info(c).type_count(), 1u);
    EXPECT_EQ(unpin(*vcpu, b), 0);
    expect_plain({a, b, c});
}

TEST_F(Linear, CountsDoNotWrap) {
    const Mfn a = pinned(2), b = pinned(2);
    info(b).linear = 0x7fff;
    EXPECT_EQ(name(a, 0, b), kInvalid);
    EXPECT_EQ(info(a).linear.load(), 0);
    info(b).linear = 0;
    const std::uint64_t before = info(b).type.load();
    info(b).type = before | FrameInfo::kTypeCountMask;
    EXPECT_EQ(name(a, 0, b), kInvalid);
    info(b).type = before;
    for (unsigned i = 0; i < kEntriesPerTable; ++i) ASSERT_EQ(name(a, i, b), 0);
    EXPECT_EQ(info(a).linear.load(), -512);
    EXPECT_EQ(audit::report(), "");
    EXPECT_EQ(unpin(*vcpu, a), 0);
    EXPECT_EQ(unpin(*vcpu, b), 0);
    expect_plain({a, b});
}

TEST_F(Linear, TwoRoles) {
    // As a table of the level below, and as one of the same.
    const Mfn l3 = pinned(3), l2 = pinned(2), second = pinned(2);
    EXPECT_EQ(name(l3, 0, l2, kReadWrite), 0);
    EXPECT_EQ(name(second, 0, l2), 0);
    EXPECT_EQ(name(second, 1, l3), kInvalid);
    EXPECT_EQ(name(l3, 1, l3), 0);
    EXPECT_EQ(unpin(*vcpu, l2), 0);
    EXPECT_EQ(pin(*vcpu, l2, 3), kInvalid);
    EXPECT_EQ(audit::report(), "");
    EXPECT_EQ(unpin(*vcpu, l3), 0);
    EXPECT_EQ(info(l2).frame_type(), FrameType::L2);
    EXPECT_EQ(unpin(*vcpu, second), 0);
    expect_plain({l3, l2, second});
    EXPECT_EQ(pin(*vcpu, l2, 1), 0);  // anything again
    EXPECT_EQ(unpin(*vcpu, l2), 0);
}

// The last holder of a whole tree is an entry of the same level, in a table that goes: preempted everywhere.
TEST_F(Linear, UndoneInPieces) {
    const Tree tree = make_tree(4, 4);
    const Mfn top = pinned(4);
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    ASSERT_EQ(name(tree.l4, 9, tree.l4), 0);
    ASSERT_EQ(name(top, 3, tree.l4), 0);
    ASSERT_EQ(unpin(*vcpu, tree.l4), 0);
    EXPECT_EQ(info(tree.l4).type_count(), 1u);
    MmuextOp op = make_op(MmuextCommand::UnpinTable, top.raw);
    EXPECT_GT(call_in_pieces(*vcpu, do_mmuext_op, {{fake::address(op), 1, 0, kDomidSelf, 0, 0}}), 10u);
    expect_plain({top, tree.l4, tree.l3});
}

// The same as an update of the entry.
TEST_F(Linear, LetGoByAnUpdate) {
    const Tree tree = make_tree(4, 4);
    const Mfn top = pinned(4);
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    ASSERT_EQ(name(top, 3, tree.l4), 0);
    ASSERT_EQ(unpin(*vcpu, tree.l4), 0);
    MmuUpdate update{entry_address(top, 3), 0};
    EXPECT_GT(call_in_pieces(*vcpu, do_mmu_update, {{fake::address(update), 1, 0, kDomidSelf, 0, 0}}), 5u);
    EXPECT_EQ(unpin(*vcpu, top), 0);
    expect_plain({top, tree.l4, tree.l3});
}

// Parked tables that name each other are not undone one inside the other.
TEST_F(Linear, ChainsOfParkedTablesAreNotFollowed) {
    const std::vector<Mfn> chain = park_chain(kReadOnly);
    EXPECT_EQ(set_entry(*domain, chain[0], 100, 0), 0);
    EXPECT_FALSE(parked(chain[0]));
    for (unsigned i = 2; i < chain.size(); ++i) EXPECT_TRUE(parked(chain[i]));
    EXPECT_EQ(audit::report(), "");
}

TEST_F(Linear, TheDomainEndsWithAllOfIt) {
    for (unsigned interval = 1; interval < 5; ++interval) {
        const Tree tree = make_tree(3, 3);
        const Mfn top = pinned(4), l3 = pinned(3);
        ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
        ASSERT_EQ(name(tree.l4, 9, tree.l4), 0);
        ASSERT_EQ(name(top, 3, tree.l4), 0);
        ASSERT_EQ(name(top, 4, top), 0);
        ASSERT_EQ(name(l3, 3, tree.l3), 0);
        ASSERT_EQ(unpin(*vcpu, tree.l4), 0);
        ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, top.raw), 0);
        fake::preempt_every(interval);
        ASSERT_TRUE(fake::destroy(*domain));
        fake::preempt_every(0);
        begin_domain();
    }
}

// What an L4 entry of this kind translates would be hv's, too.
TEST_F(Linear, NoAddressBehindIt) {
    const Mfn top = pinned(4);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, top.raw), 0);
    constexpr std::uint64_t kSlot = 5, kAddress = kSlot << 39 | 262ull << 30;
    EXPECT_FALSE(slots_hide(pv(*domain).linear_slots, hv::GuestVirtual{kAddress}, 8));
    ASSERT_EQ(name(top, kSlot, top), 0);
    EXPECT_TRUE(slots_hide(pv(*domain).linear_slots, hv::GuestVirtual{kAddress}, 8));
    EXPECT_TRUE(slots_hide(pv(*domain).linear_slots, hv::GuestVirtual{(kSlot << 39) - 4}, 8));
    EXPECT_FALSE(slots_hide(pv(*domain).linear_slots, hv::GuestVirtual{(kSlot << 39) - 8}, 8));
    EXPECT_EQ(guest_l1_table(*vcpu, hv::GuestVirtual{kAddress}), hv::kInvalidMfn);
    ASSERT_EQ(name(top, kSlot, Mfn{0}, 0), 0);
    EXPECT_TRUE(slots_hide(pv(*domain).linear_slots, hv::GuestVirtual{kAddress}, 8));  // for good
}

}  // namespace
