// Work on page tables that was preempted and parked: the next call that needs the frame goes on with it or undoes it,
// and all references come back.
#include "hv/domain/relinquish.hpp"
#include "hv/hypercall/grant_operations.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/entry_update.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

class Parked : public Mmu {
  protected:
    static constexpr unsigned kMostTries = 50'000;

    void expect_plain(const Tree& tree) {
        std::vector<Mfn> all{tree.l4, tree.l3};
        all.insert(all.end(), tree.l2.begin(), tree.l2.end());
        all.insert(all.end(), tree.l1.begin(), tree.l1.end());
        for (const Mfn mfn : all) {
            EXPECT_EQ(info(mfn).references(), 1u);
            EXPECT_EQ(info(mfn).type_count(), 0u);
            EXPECT_FALSE(parked(mfn));
        }
    }
    // Preempts the pinning of the tree `times` times.
    void park(const Tree& tree, unsigned times = 3) {
        for (unsigned i = 0; i < times; ++i) {
            const auto result = pin_once(*vcpu, tree.l4, 4);
            ASSERT_FALSE(result.has_value());
            ASSERT_EQ(result.error(), hv::Error::Restart);
            ASSERT_TRUE(parked(tree.l4));
            ASSERT_EQ(audit::report(), "");
        }
    }
};

TEST_F(Parked, ValidationGoesOnWhereItStopped) {
    const Tree tree = make_tree(4, 4);
    park(tree);
    unsigned tries = 0;
    while (!pin_once(*vcpu, tree.l4, 4)) {
        EXPECT_EQ(tries % 8 ? "" : audit::report(), "");
        ASSERT_LT(++tries, kMostTries);
    }
    EXPECT_GT(tries, 5u);
    EXPECT_EQ(unpin(*vcpu, tree.l4), 0);
    expect_plain(tree);
}

TEST_F(Parked, AnotherVcpuTakesOver) {
    const Tree tree = make_tree(3, 3);
    park(tree);
    EXPECT_EQ(pin(*domain->vcpu(hv::VcpuId{1}), tree.l4, 4), 0);
    EXPECT_EQ(pin(*vcpu, tree.l4, 4), kInvalid);  // the first one comes back
    EXPECT_EQ(unpin(*vcpu, tree.l4), 0);
    expect_plain(tree);
}

TEST_F(Parked, NeededAsAnotherType) {
    const Tree tree = make_tree(3, 3);
    const Mfn l1 = frame();
    ASSERT_EQ(pin(*vcpu, l1, 1), 0);
    park(tree);
    EXPECT_EQ(set_entry(*domain, l1, 0, make_pte(tree.l4, kReadWrite)), 0);
    EXPECT_EQ(info(tree.l4).frame_type(), FrameType::Writable);
    EXPECT_EQ(set_entry(*domain, l1, 0, 0), 0);
    // The L3 below had been parked by itself.
    EXPECT_EQ(pin(*vcpu, tree.l3, 3), 0);
    EXPECT_EQ(unpin(*vcpu, tree.l3), 0);
    expect_plain(tree);
}

TEST_F(Parked, NeededAsAnotherTypeIsPreemptedToo) {
    const Tree tree = make_tree(4, 4);
    const Mfn l1 = frame();
    ASSERT_EQ(pin(*vcpu, l1, 1), 0);
    park(tree, 14);
    MmuUpdate update{entry_address(l1, 0), make_pte(tree.l4, kReadWrite)};
    EXPECT_GT(call_in_pieces(*vcpu, do_mmu_update, {{fake::address(update), 1, 0, kDomidSelf, 0, 0}}), 2u);
    EXPECT_EQ(set_entry(*domain, l1, 0, 0), 0);
    expect_plain(tree);
}

TEST_F(Parked, PlainWritesThroughMmuUpdate) {
    const Tree tree = make_tree(2, 2);
    park(tree, 2);
    EXPECT_EQ(set_entry(*domain, tree.l4, 5, 0x1234'5000), 0);  // not a table any more
    EXPECT_EQ(table(tree.l4)[5], 0x1234'5000u);
    EXPECT_EQ(pin(*vcpu, tree.l3, 3), 0);
    EXPECT_EQ(unpin(*vcpu, tree.l3), 0);
    expect_plain(tree);
}

TEST_F(Parked, InvalidationIsPutAsideAndFinished) {
    const Tree tree = make_tree(4, 4);
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    MmuextOp op = make_op(MmuextCommand::UnpinTable, tree.l4.raw);
    hv::HypercallArguments arguments{{fake::address(op), 1, 0, kDomidSelf, 0, 0}};
    fake::preempt_every(1);
    hv::HypercallResult result;
    unsigned tries = 0;
    while (!(result = call_once(*vcpu, do_mmuext_op, arguments))) {
        ASSERT_EQ(result.error(), hv::Error::Restart);
        ASSERT_TRUE(has_unfinished(*vcpu));
        EXPECT_EQ(tries % 8 ? "" : audit::report(), "");
        ASSERT_LT(++tries, kMostTries);
    }
    fake::preempt_every(0);
    EXPECT_GT(tries, 5u);
    EXPECT_FALSE(has_unfinished(*vcpu));
    expect_plain(tree);
}

TEST_F(Parked, InvalidationTurnsIntoValidation) {
    const Tree tree = make_tree(4, 4);
    for (unsigned progress = 1; progress < 12; ++progress) {
        ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
        MmuextOp op = make_op(MmuextCommand::UnpinTable, tree.l4.raw);
        hv::HypercallArguments arguments{{fake::address(op), 1, 0, kDomidSelf, 0, 0}};
        fake::preempt_every(1);
        for (unsigned i = 0; i < progress; ++i) ASSERT_FALSE(call_once(*vcpu, do_mmuext_op, arguments).has_value());
        fake::preempt_every(0);
        // Another vCPU wants the table before the first one is done.
        ASSERT_EQ(pin(*domain->vcpu(hv::VcpuId{1}), tree.l4, 4), 0);
        ASSERT_EQ(audit::report(), "");
        ASSERT_TRUE(call_once(*vcpu, do_mmuext_op, arguments).has_value());
        ASSERT_FALSE(has_unfinished(*vcpu));
        ASSERT_EQ(unpin(*vcpu, tree.l4), 0);
        expect_plain(tree);
    }
}

TEST_F(Parked, RefusedTablesAreUndoneInPieces) {
    const Tree tree = make_tree(4, 4);
    table(tree.l1.back())[511] = make_pte(Mfn{0xf'ffff}, kReadOnly);  // no domain's
    unsigned tries = 0;
    hv::HypercallResult result;
    while (!(result = pin_once(*vcpu, tree.l4, 4)) && result.error() == hv::Error::Restart) {
        EXPECT_EQ(tries % 8 ? "" : audit::report(), "");
        ASSERT_LT(++tries, kMostTries);
    }
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error(), hv::Error::BadArgument);
    EXPECT_GT(tries, 30u);  // there and back
    expect_plain(tree);
    table(tree.l1.back())[511] = 0;
    EXPECT_EQ(pin(*vcpu, tree.l4, 4), 0);
}

TEST_F(Parked, DomainDestroyedInTheMiddle) {
    for (unsigned times = 1; times < 16; times += 3) {
        const Tree tree = make_tree(4, 4);
        const Tree half_undone = make_tree(4, 4);
        park(tree, times);
        ASSERT_EQ(pin(*vcpu, half_undone.l4, 4), 0);
        MmuextOp op = make_op(MmuextCommand::UnpinTable, half_undone.l4.raw);
        hv::HypercallArguments arguments{{fake::address(op), 1, 0, kDomidSelf, 0, 0}};
        fake::preempt_every(1);
        for (unsigned i = 0; i < times; ++i) ASSERT_FALSE(call_once(*vcpu, do_mmuext_op, arguments).has_value());
        fake::preempt_every(times);  // the end of the domain is preempted, too
        ASSERT_TRUE(fake::destroy(*domain));
        fake::preempt_every(0);
        domain = &fake::make_domain(2);
        fake::settle();
        vcpu = domain->vcpu(hv::VcpuId{0});
    }
}

TEST_F(Parked, EveryStepOfRelinquishingKeepsTheBooks) {
    const Tree tree = make_tree(3, 3);
    const Tree loaded = make_tree(2, 2);
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, loaded.l4.raw), 0);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, tree.l4.raw), 0);
    park(make_tree(3, 3), 4);
    domain->dying = hv::Dying::Dying;
    fake::preempt_every(1);
    const auto finish = [&](auto work) {
        hv::Result<> done;
        while (!(done = work())) {
            ASSERT_EQ(done.error(), hv::Error::Restart);
            ASSERT_EQ(audit::report(), "");
        }
    };
    finish([&] { return drop_tables(*vcpu); });
    finish([&] { return hv::relinquish_frames(*domain); });
    EXPECT_EQ(domain->frames, 0u);
    domain->dying = hv::Dying::Alive;
}

// An entry that was never checked may name any frame of the domain. Parked tables that name each other must not be
// undone one inside the other: hv's stack is small.
TEST_F(Parked, ChainsOfParkedTablesAreNotFollowed) {
    const std::vector<Mfn> chain = park_chain(kReadWrite);
    EXPECT_EQ(set_entry(*domain, chain[0], 100, 0), 0);
    EXPECT_FALSE(parked(chain[0]));
    for (unsigned i = 1; i < chain.size(); ++i) EXPECT_TRUE(parked(chain[i]));
}

// A caller that cannot be preempted takes nothing over, however small it is.
TEST_F(Parked, NobodyTakesItOverWhoCannotBePreempted) {
    const Tree tree = make_tree(3, 3);
    park(tree);
    const std::uint64_t before = info(tree.l4).type.load();
    const std::uint16_t progress = info(tree.l4).progress;
    for (const FrameType type : {FrameType::Writable, FrameType::Descriptor}) {
        const auto got = hv::get_frame_and_type(tree.l4, domain->id, type);
        ASSERT_FALSE(got.has_value());
        EXPECT_EQ(got.error(), hv::Error::Busy);
    }
    const auto granted = hv::get_granted_frame(tree.l4, domain->id, false);
    ASSERT_FALSE(granted.has_value());
    EXPECT_EQ(granted.error(), hv::abi::xen::GrantResult::GeneralError);
    EXPECT_EQ(info(tree.l4).type.load(), before);
    EXPECT_EQ(info(tree.l4).progress, progress);
}

TEST_F(Parked, AGdtOfParkedFramesIsPreempted) {
    const Tree tree = make_tree(4, 4);
    park(tree, 14);
    std::uint64_t frames[] = {tree.l4.raw};
    fake::preempt_every(1);
    unsigned tries = 0;
    hv::Result<> set;
    while (!(set = set_gdt(*domain->vcpu(hv::VcpuId{1}), frames, 1, 512)) && set.error() == hv::Error::Restart) {
        EXPECT_EQ(tries % 8 ? "" : audit::report(), "");
        ASSERT_LT(++tries, kMostTries);
    }
    fake::preempt_every(0);
    EXPECT_GT(tries, 2u);
    EXPECT_TRUE(set.has_value());  // its entries are descriptors that are not present
    EXPECT_FALSE(parked(tree.l4));
    release_gdt(*domain->vcpu(hv::VcpuId{1}));
    EXPECT_EQ(pin(*vcpu, tree.l4, 4), 0);
}

// With a tree half undone the vCPU changes to another table, as MOV CR3 and NMI
// handlers between two parts of a call may.
TEST_F(Parked, ANewTableWaitsForWhatIsUnfinished) {
    const Tree running = make_tree(1, 1), doomed = make_tree(4, 4), next = make_tree(1, 1);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, running.l4.raw), 0);
    ASSERT_EQ(pin(*vcpu, doomed.l4, 4), 0);
    MmuextOp op = make_op(MmuextCommand::UnpinTable, doomed.l4.raw);
    hv::HypercallArguments arguments{{fake::address(op), 1, 0, kDomidSelf, 0, 0}};
    fake::preempt_every(1);
    ASSERT_FALSE(call_once(*vcpu, do_mmuext_op, arguments).has_value());
    ASSERT_TRUE(has_unfinished(*vcpu));
    unsigned tries = 0;
    hv::Result<> set;
    while (!(set = set_kernel_table(*vcpu, next.l4))) {
        ASSERT_EQ(set.error(), hv::Error::Restart);
        EXPECT_TRUE(!parked(doomed.l4) || pv(*vcpu).kernel_table == &info(running.l4));
        ASSERT_LT(++tries, kMostTries);
    }
    EXPECT_GT(tries, 5u);
    EXPECT_FALSE(parked(doomed.l4));
    EXPECT_EQ(pv(*vcpu).kernel_table, &info(next.l4));
    fake::preempt_every(0);
}

// More than there is room for stays with its frames, and still nothing is done at once.
TEST_F(Parked, PuttingAsideDoesNoWork) {
    std::vector<Tree> trees;
    for (unsigned i = 0; i < 4; ++i) {
        trees.push_back(make_tree(3, 3));
        ASSERT_EQ(pin(*vcpu, trees.back().l4, 4), 0);
    }
    fake::preempt_every(1);
    for (const Tree& tree : trees) {
        FrameInfo& top = info(tree.l4);
        top.type.fetch_and(~FrameInfo::kPinned);
        ASSERT_FALSE(hv::put_frame_type_preemptible(top).has_value());
        const std::uint16_t progress = top.progress;
        put_aside(*vcpu, top);
        EXPECT_TRUE(parked(tree.l4));
        EXPECT_EQ(top.progress, progress);
    }
    fake::preempt_every(0);
    EXPECT_EQ(audit::report(), "");
    while (!finish_unfinished(*vcpu)) {
    }
    EXPECT_FALSE(parked(trees[0].l4));
    EXPECT_FALSE(parked(trees[1].l4));
    // A call that needs the others' frames finishes them.
    EXPECT_EQ(set_entry(*domain, trees[3].l4, 0, 0), 0);
    EXPECT_FALSE(parked(trees[3].l4));
}

TEST_F(Parked, AnL1TableIsCheckedInPieces) {
    const Mfn l1 = frame();
    for (unsigned i = 0; i < kEntriesPerTable; ++i) table(l1)[i] = make_pte(l1, kReadOnly);
    ASSERT_FALSE(pin_once(*vcpu, l1, 1).has_value());
    EXPECT_TRUE(parked(l1));
    EXPECT_LT(info(l1).progress, kEntriesPerTable);
    EXPECT_EQ(audit::report(), "");
    EXPECT_EQ(pin(*vcpu, l1, 1), 0);
    EXPECT_EQ(unpin(*vcpu, l1), 0);
    EXPECT_EQ(info(l1).references(), 1u);
}

// An L1 table whose entries each need a parked table undone: that is work, too, and it is in pieces.
TEST_F(Parked, ATableOfParkedTables) {
    const Mfn l1 = frame(), page = frame();
    constexpr unsigned kTables = 40;
    for (unsigned i = 0; i < kTables; ++i) {
        const Mfn parked_l1 = frame();
        for (unsigned j = 0; j < kEntriesPerTable; ++j) table(parked_l1)[j] = make_pte(page, kReadOnly);
        ASSERT_FALSE(pin_once(*vcpu, parked_l1, 1).has_value());
        ASSERT_TRUE(parked(parked_l1));
        table(l1)[i] = make_pte(parked_l1, kReadWrite);
    }
    unsigned tries = 0;
    while (!pin_once(*vcpu, l1, 1)) {
        EXPECT_EQ(audit::report(), "");
        ASSERT_LT(++tries, kMostTries);
    }
    EXPECT_GE(tries, kTables);
}

// Another CPU has the table locked, for as long as it likes.
TEST_F(Parked, WaitingForALockIsPreempted) {
    const Tree tree = make_tree(1, 1);
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    info(tree.l3).type.fetch_or(FrameInfo::kLocked);
    MmuUpdate update{entry_address(tree.l3, 7), 0};
    hv::HypercallArguments arguments{{fake::address(update), 1, 0, kDomidSelf, 0, 0}};
    fake::preempt_every(1);
    const hv::HypercallResult result = call_once(*vcpu, do_mmu_update, arguments);
    fake::preempt_every(0);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error(), hv::Error::Restart);
    info(tree.l3).type.fetch_and(~FrameInfo::kLocked);
    EXPECT_EQ(call(*vcpu, do_mmu_update, arguments.value[0], arguments.value[1], 0, kDomidSelf), 0);
}

}  // namespace
