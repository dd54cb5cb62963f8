// Work on page tables that was preempted and parked: whoever comes next goes on with it or undoes it, and all references
// come back.
#include "hv/domain/relinquish.hpp"
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
    EXPECT_EQ(pin(*domain->vcpu(1), tree.l4, 4), 0);
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
    const Tree tree = make_tree(3, 3);
    const Mfn l1 = frame();
    ASSERT_EQ(pin(*vcpu, l1, 1), 0);
    park(tree, 9);
    MmuUpdate update{entry_address(l1, 0), make_pte(tree.l4, kReadWrite)};
    hv::HypercallArguments arguments{{fake::address(update), 1, 0, kDomidSelf, 0, 0}};
    unsigned tries = 0;
    fake::preempt_every(1);
    hv::HypercallResult result;
    while (!(result = call_once(*vcpu, do_mmu_update, arguments))) {
        ASSERT_EQ(result.error(), hv::Error::Restart);
        EXPECT_EQ(tries % 8 ? "" : audit::report(), "");
        ASSERT_LT(++tries, kMostTries);
    }
    fake::preempt_every(0);
    EXPECT_GT(tries, 2u);
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
        ASSERT_NE(vcpu->arch->unfinished, nullptr);
        EXPECT_EQ(tries % 8 ? "" : audit::report(), "");
        ASSERT_LT(++tries, kMostTries);
    }
    fake::preempt_every(0);
    EXPECT_GT(tries, 5u);
    EXPECT_EQ(vcpu->arch->unfinished, nullptr);
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
        ASSERT_EQ(pin(*domain->vcpu(1), tree.l4, 4), 0);
        ASSERT_EQ(audit::report(), "");
        ASSERT_TRUE(call_once(*vcpu, do_mmuext_op, arguments).has_value());
        ASSERT_EQ(vcpu->arch->unfinished, nullptr);
        ASSERT_EQ(unpin(*vcpu, tree.l4), 0);
        expect_plain(tree);
    }
}

TEST_F(Parked, RefusedTablesAreUndoneInPieces) {
    const Tree tree = make_tree(4, 4);
    table(tree.l1.back())[511] = make_pte(Mfn{0xf'ffff}, kReadOnly);  // nobody's
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
        vcpu = domain->vcpu(0);
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

// An entry that was never checked may name any frame of the domain. Parked tables that name each other must not be undone
// one inside the other: hv's stack is small.
TEST_F(Parked, ChainsOfParkedTablesAreNotFollowed) {
    const Mfn l1 = frame();
    std::vector<Mfn> chain;
    for (unsigned i = 0; i < 64; ++i) chain.push_back(frame());
    for (unsigned i = 0; i < chain.size(); ++i) {
        table(chain[i])[0] = make_pte(l1, kReadWrite);
        if (i + 1 < chain.size()) table(chain[i])[1] = make_pte(chain[i + 1], kReadWrite);
        ASSERT_FALSE(pin_once(*vcpu, chain[i], 2).has_value());
        ASSERT_TRUE(parked(chain[i]));
    }
    EXPECT_EQ(set_entry(*domain, chain[0], 100, 0), 0);
    EXPECT_FALSE(parked(chain[0]));
    for (unsigned i = 1; i < chain.size(); ++i) EXPECT_TRUE(parked(chain[i]));
}

}  // namespace
