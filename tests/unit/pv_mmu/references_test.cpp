// References and types: which callers get them and which do not, and that a frame is one thing at a time.
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

class References : public Mmu {};

TEST_F(References, OnlyTheOwnerNamesAFrame) {
    const Mfn mine = frame();
    EXPECT_TRUE(hv::get_frame(mine, domain->id).has_value());
    EXPECT_FALSE(hv::get_frame(mine, other->id).has_value());
    EXPECT_FALSE(hv::get_frame(mine, hv::kOwnerNone).has_value());
    EXPECT_FALSE(hv::get_frame(mine, hv::kOwnerHv).has_value());
    hv::put_frame(info(mine));
    EXPECT_FALSE(hv::get_frame(Mfn{~std::uint64_t{0}}, domain->id).has_value());
    EXPECT_FALSE(hv::get_frame(Mfn{1}, hv::kOwnerIo).has_value());  // a hole
}

TEST_F(References, FreeFramesAndTheHeapBelongToNobody) {
    const Mfn freed = frame();
    hv::release_frame(info(freed));
    EXPECT_FALSE(hv::get_frame(freed, hv::kOwnerNone).has_value());
    void* page = hv::allocate_page();
    EXPECT_FALSE(hv::get_frame(hv::frame_of_pointer(page), hv::kOwnerHv).has_value());
    hv::free_page(page);
}

TEST_F(References, TheGeneralCountNeverWraps) {
    const Mfn mine = frame();
    FrameInfo& frame_info = info(mine);
    const std::uint64_t before = frame_info.count.load();
    frame_info.count = (before & ~FrameInfo::kReferenceMask) | FrameInfo::kMostReferences;
    EXPECT_FALSE(hv::get_frame(mine, domain->id).has_value());
    // What hv itself must be able to take is kept apart.
    EXPECT_TRUE(hv::get_frame_again(frame_info));
    frame_info.count = before | FrameInfo::kReferenceMask;
    EXPECT_FALSE(hv::get_frame_again(frame_info));
    frame_info.count = before;
}

TEST_F(References, TheTypeCountNeverWraps) {
    const Mfn mine = frame();
    ASSERT_TRUE(hv::get_frame_and_type(mine, domain->id, FrameType::Writable).has_value());
    const std::uint64_t before = info(mine).type.load();
    info(mine).type = before | FrameInfo::kTypeCountMask;
    EXPECT_FALSE(hv::get_frame_type(info(mine), FrameType::Writable).has_value());
    info(mine).type = before;
    hv::put_frame_and_type(info(mine));
}

TEST_F(References, EveryTypeExcludesEveryOther) {
    constexpr FrameType kTypes[] = {FrameType::L1, FrameType::L2,         FrameType::L3,
                                    FrameType::L4, FrameType::Descriptor, FrameType::Writable};
    const Mfn mine = frame();
    for (const FrameType held : kTypes) {
        ASSERT_TRUE(hv::get_frame_and_type(mine, domain->id, held, hv::Preemption::Allowed).has_value());
        for (const FrameType wanted : kTypes)
            EXPECT_EQ(hv::get_frame_and_type(mine, domain->id, wanted, hv::Preemption::Allowed).has_value(),
                      wanted == held);
        EXPECT_EQ(info(mine).type_count(), 2u);
        put_any(info(mine));
        put_any(info(mine));
    }
}

// While one vCPU waits for other CPUs to flush, another one uses the frame so often that its type word is the same
// again.
TEST_F(References, AWordThatHasComeRoundIsNotTakenForTheSame) {
    const Mfn data = frame();
    ASSERT_TRUE(hv::get_frame_type(info(data), FrameType::Writable).has_value());
    hv::put_frame_type(info(data));
    std::uint64_t before = 0;
    std::uint64_t after = 1;
    fake::when_flushed([&] {
        before = info(data).type.load();
        do {
            ASSERT_TRUE(hv::get_frame_type(info(data), FrameType::Writable).has_value());
            hv::put_frame_type(info(data));
            after = info(data).type.load();
        } while (after != before);
    });
    ASSERT_TRUE(hv::get_frame_type(info(data), FrameType::L1, hv::Preemption::Allowed).has_value());
    EXPECT_EQ(before, after);
    EXPECT_EQ(fake::last_flush_stamp(), info(data).tlb_stamp);  // of the last of these uses
    put_any(info(data));
}

// Other CPUs change the frame in each wait: a caller that cannot be preempted gives up, and one that can lets
// interrupts in.
TEST_F(References, AFrameThatIsNeverAtRestHoldsNobodyUp) {
    const Mfn data = frame();
    const auto use = [&] {
        ASSERT_TRUE(hv::get_frame_type(info(data), FrameType::Writable).has_value());
        hv::put_frame_type(info(data));
    };
    unsigned flushes = 0;
    std::function<void()> interfere = [&] {
        use();
        ++flushes;
        fake::when_flushed(interfere);
    };
    use();
    fake::when_flushed(interfere);
    const hv::Result<> given_up = hv::get_frame_type(info(data), FrameType::Descriptor);
    ASSERT_FALSE(given_up.has_value());
    EXPECT_EQ(given_up.error(), hv::Error::Busy);
    EXPECT_LT(flushes, 10u);
    fake::preempt_every(1);
    flushes = 0;
    const hv::Result<> interrupted = hv::get_frame_type(info(data), FrameType::L1, hv::Preemption::Allowed);
    ASSERT_FALSE(interrupted.has_value());
    EXPECT_EQ(interrupted.error(), hv::Error::Restart);
    EXPECT_EQ(flushes, 1u);
    fake::preempt_every(0);
    fake::when_flushed(nullptr);
    EXPECT_TRUE(hv::get_frame_type(info(data), FrameType::L1, hv::Preemption::Allowed).has_value());
    put_any(info(data));
}

// Where hv's own tables are is no guest's business, once a root is memory again.
TEST_F(References, ARootThatWasNamesNothingOfHv) {
    const Tree tree = make_tree();
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    EXPECT_NE(table(tree.l4)[hv::x86::kLastHvSlot], 0u);
    ASSERT_EQ(unpin(*vcpu, tree.l4), 0);
    for (unsigned slot = hv::x86::kFirstHvSlot; slot <= hv::x86::kLastHvSlot; ++slot)
        EXPECT_EQ(table(tree.l4)[slot], 0u) << slot;
}

TEST_F(References, WritableFrameNeverBecomesATable) {
    const Mfn l1 = frame(), data = frame();
    table(l1)[0] = make_pte(data, kReadWrite);
    ASSERT_EQ(pin(*vcpu, l1, 1), 0);
    for (unsigned level = 1; level <= 4; ++level) EXPECT_EQ(pin(*vcpu, data, level), kInvalid);
    EXPECT_EQ(set_entry(*domain, l1, 0, make_pte(data, kReadOnly)), 0);
    EXPECT_EQ(pin(*vcpu, data, 1), 0);
    EXPECT_EQ(set_entry(*domain, l1, 0, make_pte(data, kReadWrite)), kInvalid);
    EXPECT_EQ(set_entry(*domain, l1, 1, make_pte(l1, kReadWrite)), kInvalid);
    EXPECT_EQ(set_entry(*domain, l1, 1, make_pte(l1, kReadOnly)), 0);
}

TEST_F(References, ATableThatMapsItselfWritableIsRefused) {
    const Mfn l1 = frame();
    table(l1)[511] = make_pte(l1, kReadWrite);
    EXPECT_EQ(pin(*vcpu, l1, 1), kInvalid);
    const Tree tree = make_tree();
    table(tree.l1[3])[7] = make_pte(tree.l4, kReadWrite);
    EXPECT_EQ(pin(*vcpu, tree.l4, 4), kInvalid);
    for (const Mfn mfn : {tree.l4, tree.l3, tree.l2[0], tree.l1[0], tree.l1[3]}) {
        EXPECT_EQ(info(mfn).type_count(), 0u);
        EXPECT_EQ(info(mfn).references(), 1u);
    }
}

TEST_F(References, TablesThatLeadBackToThemselvesAreRefused) {
    const Tree tree = make_tree();
    table(tree.l4)[1] = make_pte(tree.l4, kReadWrite);
    EXPECT_EQ(pin(*vcpu, tree.l4, 4), kInvalid);
    table(tree.l4)[1] = 0;
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    EXPECT_EQ(set_entry(*domain, tree.l4, 1, make_pte(tree.l4, kReadWrite)), kInvalid);
    EXPECT_EQ(set_entry(*domain, tree.l3, 9, make_pte(tree.l4, kReadWrite)), kInvalid);
}

TEST_F(References, PinsAreTakenAndGivenOnce) {
    const Tree tree = make_tree();
    EXPECT_EQ(unpin(*vcpu, tree.l4), kInvalid);
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    EXPECT_EQ(pin(*vcpu, tree.l4, 4), kInvalid);
    EXPECT_EQ(pin(*vcpu, tree.l4, 3), kInvalid);
    ASSERT_EQ(pin(*vcpu, tree.l1[0], 1), 0);
    EXPECT_EQ(info(tree.l1[0]).type_count(), 2u);
    EXPECT_EQ(audit::report(), "");
    EXPECT_EQ(unpin(*vcpu, tree.l4), 0);
    EXPECT_EQ(unpin(*vcpu, tree.l4), kInvalid);
    EXPECT_EQ(info(tree.l1[0]).type_count(), 1u);
    EXPECT_EQ(info(tree.l1[1]).type_count(), 0u);
    EXPECT_EQ(unpin(*vcpu, tree.l1[0]), 0);
}

TEST_F(References, DescriptorPagesKeepTheirContentsWhileUsed) {
    const Mfn page = frame(), l1 = frame();
    constexpr std::uint64_t kCallGate = 0x0000'ec00'0010'0000;
    table(page)[3] = kCallGate;
    EXPECT_FALSE(hv::get_frame_and_type(page, domain->id, FrameType::Descriptor).has_value());
    EXPECT_EQ(info(page).references(), 1u);
    table(page)[3] = 0x00cf'9b00'0000'ffff;  // flat 32-bit code of ring 0
    ASSERT_TRUE(hv::get_frame_and_type(page, domain->id, FrameType::Descriptor).has_value());
    EXPECT_EQ(table(page)[3], 0x00cf'fb00'0000'ffffu);
    ASSERT_EQ(pin(*vcpu, l1, 1), 0);
    EXPECT_EQ(set_entry(*domain, l1, 0, make_pte(page, kReadWrite)), kInvalid);
    EXPECT_EQ(set_entry(*domain, page, 3, kCallGate), kInvalid);
    hv::put_frame_and_type(info(page));
    // Its contents may change now, and are checked again.
    EXPECT_EQ(set_entry(*domain, page, 3, kCallGate), 0);
    EXPECT_FALSE(hv::get_frame_and_type(page, domain->id, FrameType::Descriptor).has_value());
}

}  // namespace
