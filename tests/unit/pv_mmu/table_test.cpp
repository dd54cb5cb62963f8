// Page-table hypercalls: what a kernel does all day, and what it must not.
#include <algorithm>
#include <cstring>

#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/mmu/table_lock.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

constexpr std::int64_t kNotImplemented = -38;

class Tables : public Mmu {
  protected:
    void SetUp() override {
        Mmu::SetUp();
        tree = make_tree(1, 2);
        ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
        ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, tree.l4.raw), 0);
    }
    std::int64_t update_va(std::uint64_t address, Pte value, std::uint64_t flags = 0) {
        return call(*vcpu, do_update_va_mapping, address, value, flags);
    }
    Tree tree;
};

TEST_F(Tables, KernelEntriesGetTheUserBitAndAMark) {
    const Mfn data = frame();
    ASSERT_EQ(set_entry(*domain, tree.l1[0], 3, make_pte(data, kPtePresent | kPteWritable | kPteGlobal)), 0);
    EXPECT_EQ(table(tree.l1[0])[3], make_pte(data, kReadWrite | kPteGuestKernel));
    ASSERT_EQ(set_entry(*domain, tree.l3, 0, make_pte(tree.l2[0], kPtePresent)), 0);
    EXPECT_EQ(table(tree.l3)[0], make_pte(tree.l2[0], kReadOnly));
}

TEST_F(Tables, NotPresentEntriesAreTheGuestsOwn) {
    EXPECT_EQ(set_entry(*domain, tree.l1[0], 0, ~std::uint64_t{1}), 0);
    EXPECT_EQ(table(tree.l1[0])[0], ~std::uint64_t{1});
    EXPECT_EQ(set_entry(*domain, tree.l3, 8, 0x10), 0);
    EXPECT_EQ(table(tree.l3)[8], 0x10u);
}

TEST_F(Tables, ForbiddenEntries) {
    const Mfn theirs = fake::give_page(*other), data = frame();
    for (const Pte entry : {make_pte(theirs, kReadOnly), make_pte(theirs, kReadWrite), make_pte(Mfn{1}, kReadOnly),
                            make_pte(Mfn{0xff'ffff'ffff}, kReadOnly), make_pte(Mfn{0xf'ee00}, kReadWrite)}) {
        EXPECT_EQ(set_entry(*domain, tree.l1[0], 0, entry), kInvalid);
        EXPECT_EQ(set_entry(*domain, tree.l2[0], 9, entry), kInvalid);
        EXPECT_EQ(update_va(0, entry), kInvalid);
    }
    EXPECT_EQ(set_entry(*domain, tree.l3, 0, make_pte(tree.l2[0], kReadWrite | kPteLarge)), kInvalid);
    EXPECT_EQ(set_entry(*domain, tree.l3, 1, make_pte(data, kReadWrite | kPteLarge)), kInvalid);
    EXPECT_EQ(set_entry(*domain, tree.l3, 1, make_pte(data, kReadWrite | kPteGlobal)), kInvalid);
    EXPECT_EQ(set_entry(*domain, tree.l3, 1, make_pte(tree.l1[0], kReadWrite)), kInvalid);  // of the wrong level
    EXPECT_EQ(set_entry(*domain, theirs, 0, 0), kInvalid);
}

TEST_F(Tables, TheHypervisorsSlotsAreOutOfReach) {
    const Mfn l3 = frame();
    for (unsigned slot = 256; slot <= 271; ++slot) {
        EXPECT_EQ(set_entry(*domain, tree.l4, slot, make_pte(l3, kReadWrite)), kInvalid);
        EXPECT_EQ(set_entry(*domain, tree.l4, slot, 0), kInvalid);
    }
    EXPECT_EQ(set_entry(*domain, tree.l4, 255, make_pte(l3, kReadWrite)), 0);
    EXPECT_EQ(set_entry(*domain, tree.l4, 272, make_pte(l3, kReadWrite)), 0);
    EXPECT_EQ(update_va(0xffff'8000'0000'0000, 0), kInvalid);
}

TEST_F(Tables, SlotsThatTheGuestPreparedAreReplaced) {
    const Mfn l4 = frame();
    for (unsigned slot = 256; slot <= 271; ++slot) table(l4)[slot] = make_pte(tree.l3, kReadWrite);
    ASSERT_EQ(pin(*vcpu, l4, 4), 0);
    EXPECT_EQ(info(tree.l3).type_count(), 1u);
    EXPECT_EQ(unpin(*vcpu, l4), 0);
}

TEST_F(Tables, AccessedAndDirtyBitsAreKeptWhenAskedFor) {
    const Mfn data = frame();
    const auto set = [&](Pte value, MmuCommand command) {
        return mmu_update(*domain, {{entry_address(tree.l1[0], 0) | static_cast<std::uint64_t>(command), value}});
    };
    ASSERT_EQ(set(make_pte(data, kReadWrite | kPteAccessed | kPteDirty), MmuCommand::NormalPtUpdate), 0);
    ASSERT_EQ(set(make_pte(data, kReadOnly), MmuCommand::PtUpdatePreserveAd), 0);
    EXPECT_EQ(table(tree.l1[0])[0], make_pte(data, kReadOnly | kPteAccessed | kPteDirty));
    ASSERT_EQ(set(make_pte(data, kReadOnly), MmuCommand::NormalPtUpdate), 0);
    EXPECT_EQ(table(tree.l1[0])[0], make_pte(data, kReadOnly));
    EXPECT_EQ(set(0, static_cast<MmuCommand>(4)), kNotImplemented);
    EXPECT_EQ(set(0, static_cast<MmuCommand>(7)), kNotImplemented);
}

TEST_F(Tables, UpdateVaMappingFindsTheEntry) {
    const Mfn data = frame();
    const std::uint64_t address = (std::uint64_t{1} << 21) | (5 << 12);
    ASSERT_EQ(update_va(address, make_pte(data, kReadWrite), kUvmfInvlpg | kUvmfAll), 0);
    EXPECT_EQ(table(tree.l1[1])[5], make_pte(data, kReadWrite));
    EXPECT_EQ(guest_l1_entry(*vcpu, hv::GuestVirtual{address}), make_pte(data, kReadWrite));
    EXPECT_EQ(update_va(std::uint64_t{1} << 30, make_pte(data, kReadWrite)), kInvalid);
    EXPECT_EQ(update_va(std::uint64_t{1} << 40, make_pte(data, kReadWrite)), kInvalid);
    EXPECT_EQ(info(data).references(), 2u);
}

TEST_F(Tables, OnlyThePrivilegedNameOthers) {
    const Mfn theirs = fake::give_page(*other);
    EXPECT_EQ(set_entry(*domain, tree.l1[0], 0, make_pte(theirs, kReadOnly), other->id.raw), kRefusedPermission);
    EXPECT_EQ(set_entry(*domain, theirs, 0, 0, (std::uint64_t{other->id.raw} + 1) << 16 | kDomidSelf),
              kRefusedPermission);
    EXPECT_EQ(set_entry(*domain, tree.l1[0], 0, make_pte(theirs, kReadOnly), kDomidIo), kRefusedPermission);
    EXPECT_EQ(set_entry(*domain, tree.l1[0], 0, make_pte(theirs, kReadOnly), kDomidXen), kRefusedPermission);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::PinL1Table, theirs.raw, 0, other->id.raw), kRefusedPermission);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::FlushCache), -13);
}

TEST_F(Tables, TheBuilderWorksInAnothersTables) {
    const Mfn theirs = fake::give_page(*other), data = fake::give_page(*other);
    const std::uint64_t foreign = (std::uint64_t{other->id.raw} + 1) << 16 | other->id.raw;
    EXPECT_EQ(mmuext(*fake::dom0().vcpu(hv::VcpuId{0}), MmuextCommand::PinL1Table, theirs.raw, 0, other->id.raw), 0);
    EXPECT_EQ(set_entry(fake::dom0(), theirs, 0, make_pte(data, kReadWrite), foreign), 0);
    EXPECT_EQ(set_entry(fake::dom0(), theirs, 1, make_pte(theirs, kReadWrite), foreign), kInvalid);
    EXPECT_EQ(set_entry(fake::dom0(), theirs, 2, make_pte(tree.l4, kReadOnly), foreign), kInvalid);
    EXPECT_EQ(info(data).type_count(), 1u);
}

TEST_F(Tables, HypervisorMemoryIsNotForDom0Either) {
    hv::Domain& dom0 = fake::dom0();
    const Mfn l1 = fake::give_page(dom0);
    ASSERT_EQ(mmuext(*dom0.vcpu(hv::VcpuId{0}), MmuextCommand::PinL1Table, l1.raw), 0);
    void* page = hv::allocate_page();
    const Mfn heap = hv::frame_of_pointer(page);
    EXPECT_EQ(set_entry(dom0, l1, 0, make_pte(heap, kReadWrite), kDomidXen), kInvalid);
    EXPECT_EQ(set_entry(dom0, l1, 0, make_pte(heap, kReadOnly), kDomidXen), kInvalid);
    EXPECT_EQ(mmuext(*dom0.vcpu(hv::VcpuId{0}), MmuextCommand::ClearPage, heap.raw, 0, kDomidXen), kInvalid);
    EXPECT_EQ(set_entry(dom0, l1, 0, make_pte(Mfn{0xf'ee00}, kReadWrite), kDomidIo), 0);
    EXPECT_EQ(set_entry(dom0, l1, 1, make_pte(Mfn{std::uint64_t{1} << 30}, kReadWrite), kDomidIo),
              kInvalid);  // no such address
    hv::free_page(page);
    EXPECT_EQ(mmuext(*dom0.vcpu(hv::VcpuId{0}), MmuextCommand::UnpinTable, l1.raw), 0);
    hv::release_frame(info(l1));
}

TEST_F(Tables, ForeignMappingsKeepADyingDomainsFrames) {
    hv::Domain& dom0 = fake::dom0();
    const Mfn l1 = fake::give_page(dom0), theirs = fake::give_page(*other);
    ASSERT_EQ(mmuext(*dom0.vcpu(hv::VcpuId{0}), MmuextCommand::PinL1Table, l1.raw), 0);
    ASSERT_EQ(set_entry(dom0, l1, 0, make_pte(theirs, kReadWrite), other->id.raw), 0);
    EXPECT_FALSE(fake::destroy(*other));
    EXPECT_EQ(other->frames, 1u);
    EXPECT_EQ(audit::report(), "");
    EXPECT_EQ(set_entry(dom0, l1, 0, 0), 0);
    EXPECT_TRUE(fake::destroy(*other));
    EXPECT_EQ(mmuext(*dom0.vcpu(hv::VcpuId{0}), MmuextCommand::UnpinTable, l1.raw), 0);
    hv::release_frame(info(l1));
}

TEST_F(Tables, ClearAndCopyNeedAPlainFrame) {
    const Mfn from = frame(), to = frame();
    std::memset(hv::frame_pointer(from), 0x5a, hv::kPageSize);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::CopyPage, to.raw, from.raw), 0);
    EXPECT_EQ(table(to)[511], 0x5a5a'5a5a'5a5a'5a5au);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::ClearPage, to.raw), 0);
    EXPECT_EQ(table(to)[511], 0u);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::ClearPage, tree.l1[0].raw), kInvalid);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::CopyPage, tree.l4.raw, from.raw), kInvalid);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::CopyPage, to.raw, fake::give_page(*other).raw), kInvalid);
}

TEST_F(Tables, BasePointersHoldTheirTables) {
    const Tree second = make_tree(1, 1);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, second.l4.raw), 0);
    ASSERT_EQ(unpin(*vcpu, tree.l4), 0);
    EXPECT_EQ(audit::report(), "");
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, tree.l3.raw), kInvalid);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, second.l4.raw), 0);
    EXPECT_EQ(info(tree.l4).references(), 1u);
    EXPECT_EQ(info(second.l4).type_count(), 2u);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, 0), 0);
    EXPECT_EQ(info(second.l4).type_count(), 1u);
}

TEST_F(Tables, TheCountOfWhatWasDoneIsRight) {
    const Mfn data = frame();
    std::vector<MmuUpdate> updates;
    for (unsigned i = 0; i < 10; ++i) updates.push_back({entry_address(tree.l1[0], i), make_pte(data, kReadWrite)});
    updates[7].val = make_pte(tree.l4, kReadWrite);
    std::uint32_t done = 99;
    fake::preempt_every(2);
    EXPECT_EQ(call(*vcpu, do_mmu_update, reinterpret_cast<std::uintptr_t>(updates.data()), updates.size(),
                   fake::address(done), kDomidSelf),
              kInvalid);
    EXPECT_EQ(done, 7u);
    EXPECT_EQ(info(data).type_count(), 7u);
    std::vector<MmuextOp> ops{make_op(MmuextCommand::PinL1Table, data.raw), make_op(MmuextCommand::TlbFlushLocal)};
    ops.insert(ops.begin(), 5, make_op(MmuextCommand::InvlpgAll));
    EXPECT_EQ(call(*vcpu, do_mmuext_op, reinterpret_cast<std::uintptr_t>(ops.data()), ops.size(), fake::address(done),
                   kDomidSelf),
              kInvalid);
    EXPECT_EQ(done, 5u);
    EXPECT_EQ(call(*vcpu, do_mmu_update, 8, 1, 0, kDomidSelf), -14);
}

// A call that held a table's lock for all of a long list would keep CPUs waiting that cannot be preempted, with their
// interrupts off.
TEST_F(Tables, ALongListLetsOthersAtTheTable) {
    constexpr unsigned kUpdates = 200, kFew = 32;
    std::vector<MmuUpdate> updates;
    for (unsigned i = 0; i < kUpdates; ++i) updates.push_back({entry_address(tree.l1[0], i), 0});
    unsigned looks = 0, at_once = 0, longest = 0;
    fake::preempt_as([&] {
        ++looks;
        at_once = info(tree.l1[0]).type.load() & FrameInfo::kLocked ? at_once + 1 : 0;
        longest = std::max(longest, at_once);
        return false;
    });
    EXPECT_EQ(mmu_update(*domain, updates), 0);
    fake::preempt_every(0);
    EXPECT_GE(looks, kUpdates - 1);
    EXPECT_LT(longest, kFew);
}

// When a table's frames had another use, most of the time goes into waiting for flushes, and other vCPUs can cause
// these.
TEST_F(Tables, EachFlushOfOthersIsFollowedByALook) {
    const Mfn l1 = frame();
    std::vector<Mfn> frames;
    for (unsigned i = 0; i < 100; ++i) {
        frames.push_back(frame());
        hv::FrameInfo* was = *hv::get_frame_and_type(frames[i], domain->id, FrameType::Descriptor);
        hv::put_frame_type(*was);
        hv::put_frame(*was);
        table(l1)[i] = make_pte(frames[i], kReadWrite);
    }
    EXPECT_LE(most_flushes_between_looks(frames, [&] { EXPECT_EQ(pin(*vcpu, l1, 1), 0); }), 1u);
    EXPECT_EQ(unpin(*vcpu, l1), 0);
}

TEST_F(Tables, WhoWaitsForALockedTableIsPreempted) {
    const hv::Result<FrameType> locked = lock_table(info(tree.l1[0]));
    ASSERT_TRUE(locked.has_value());
    ASSERT_EQ(*locked, FrameType::L1);
    hv::HypercallArguments arguments{{0, 0, 0, 0, 0, 0}};
    fake::preempt_every(1);
    const hv::HypercallResult result = call_once(*vcpu, do_update_va_mapping, arguments);
    fake::preempt_every(0);
    unlock_table(info(tree.l1[0]));
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error(), hv::Error::Restart);
    EXPECT_EQ(update_va(0, 0), 0);
}

}  // namespace
