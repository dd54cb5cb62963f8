// What isolated guests run on: copies of their L4 tables, which are made anew whenever one has changed, and entries
// that are not present and name nothing.
#include <algorithm>

#include "hv/x86/pv/mmu/root_copy.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

constexpr Pte kMark = 0xabc;

class Isolation : public Mmu {
  protected:
    void SetUp() override {
        fake::guard_tables({.isolated = true, .harmless_absent = true});
        Mmu::SetUp();
    }
    void TearDown() override {
        fake::guard_tables({});
        Mmu::TearDown();
    }
    std::uint64_t version() const { return pv(*domain).roots_version; }
    // A table with marks in it, and then the copy.
    static std::vector<Pte> copy_of(const hv::Domain& domain, Mfn l4, Mfn named = Mfn{0x777}) {
        std::vector<Pte> copy(kEntriesPerTable, kMark);
        copy_root(copy.data(), named, domain, l4);
        return copy;
    }
};

TEST_F(Isolation, TheCopyHasTheGuestsPartAlone) {
    const Tree kernel = make_tree(), user = make_tree();
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, kernel.l4.raw), 0);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, user.l4.raw), 0);
    for (const Mfn l4 : {kernel.l4, user.l4}) {
        const std::vector<Pte> copy = copy_of(*domain, l4);
        for (unsigned slot = 0; slot < kEntriesPerTable; ++slot) {
            const bool of_hv = slot > kM2pReadOnlySlot && slot <= kLastHvSlot;
            EXPECT_EQ(copy[slot], of_hv ? kMark : table(l4)[slot]) << slot;
        }
    }
    EXPECT_NE(copy_of(*domain, kernel.l4)[kM2pReadOnlySlot], 0u);
    EXPECT_EQ(copy_of(*domain, user.l4)[kM2pReadOnlySlot], 0u);
}

// Processors with L1TF look at the bit of large pages whether the entry is present or not.
TEST_F(Isolation, AnAbsentEntryNamesNoLargePage) {
    const Tree tree = make_tree();
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, tree.l4.raw), 0);
    for (const Mfn upper : {tree.l2[0], tree.l3, tree.l4}) {
        EXPECT_EQ(set_entry(*domain, upper, 9, kPteLarge), kInvalid);
        EXPECT_EQ(set_entry(*domain, upper, 9, 0x10), 0);
    }
    EXPECT_EQ(set_entry(*domain, tree.l1[0], 9, kPteLarge), 0);  // there it is a bit of the cache's type
}

TEST_F(Isolation, AChangeMakesAnotherVersion) {
    const Tree tree = make_tree(), second = make_tree(), extra = make_tree();
    std::vector<std::uint64_t> seen{version()};
    const auto expect_new = [&](const char* what) {
        EXPECT_EQ(std::ranges::count(seen, version()), 0) << what;
        seen.push_back(version());
    };
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, tree.l4.raw), 0);
    expect_new("a frame becomes a table");
    ASSERT_EQ(pin(*vcpu, extra.l3, 3), 0);
    ASSERT_EQ(set_entry(*domain, tree.l4, 5, make_pte(extra.l3, kReadWrite)), 0);
    expect_new("an entry comes");
    ASSERT_EQ(set_entry(*domain, tree.l4, 5, make_pte(extra.l3, kReadOnly)), 0);
    expect_new("its rights change");
    ASSERT_EQ(set_entry(*domain, tree.l4, 5, 0), 0);
    expect_new("an entry goes");
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, second.l4.raw), 0);
    expect_new("the other mode's table");
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, 0), 0);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, second.l4.raw), 0);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewUserBaseptr, tree.l4.raw), 0);
    expect_new("what one of them shows of the machine-to-physical table");
    // The levels below are the tables themselves.
    ASSERT_EQ(set_entry(*domain, tree.l3, 5, 0), 0);
    EXPECT_EQ(version(), seen.back());
    // No two domains have the same.
    const hv::Domain& another = fake::make_domain(1);
    EXPECT_NE(another.arch->identity, domain->arch->identity);
}

TEST_F(Isolation, NoEntryOfTheCopyNamesAnotherL4Table) {
    domain = &fake::make_linear_domain(1);
    fake::settle();
    vcpu = domain->vcpu(hv::VcpuId{0});
    const Mfn l4 = frame(), second = frame(), l3 = frame();
    ASSERT_EQ(pin(*vcpu, l4, 4), 0);
    ASSERT_EQ(pin(*vcpu, second, 4), 0);
    ASSERT_EQ(pin(*vcpu, l3, 3), 0);
    ASSERT_EQ(set_entry(*domain, l4, 7, make_pte(l4, kReadOnly)), 0);
    ASSERT_EQ(set_entry(*domain, l4, 8, make_pte(second, kReadOnly)), 0);
    ASSERT_EQ(set_entry(*domain, l4, 9, make_pte(second, kReadOnly)), 0);
    ASSERT_EQ(set_entry(*domain, l4, 9, make_pte(l3, kReadWrite)), 0);
    const std::vector<Pte> copy = copy_of(*domain, l4, Mfn{0x777});
    EXPECT_EQ(copy[7], make_pte(Mfn{0x777}, table(l4)[7] & ~kPteFrameMask));
    EXPECT_EQ(copy[8], 0u);
    EXPECT_EQ(copy[9], table(l4)[9]);
}

TEST_F(Isolation, AnEntryThatIsNotPresentNamesNoMemory) {
    const Tree tree = make_tree();
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    constexpr Pte kInverted = kPteFrameMask & ~(Pte{0xff} << hv::kPageShift);
    const Pte memory = make_pte(tree.l3, kPteWritable), none = kPteAvailable;
    for (const Mfn level : {tree.l4, tree.l3, tree.l2[0], tree.l1[0]}) {
        EXPECT_EQ(set_entry(*domain, level, 500, memory), kInvalid);
        EXPECT_EQ(set_entry(*domain, level, 500, memory | (Pte{1} << 45)), kInvalid);  // caches do not see that bit
        EXPECT_EQ(set_entry(*domain, level, 500, kInverted), 0);
        EXPECT_EQ(set_entry(*domain, level, 500, none), 0);
        EXPECT_EQ(set_entry(*domain, level, 500, 0), 0);
    }
    // Nor does a frame become a table with such an entry in it.
    const Mfn l1 = frame();
    table(l1)[3] = memory;
    EXPECT_EQ(pin(*vcpu, l1, 1), kInvalid);
    // Elsewhere these bits are the guest's own.
    fake::guard_tables({});
    domain = &fake::make_domain(1);
    fake::settle();
    const Tree plain = make_tree();
    ASSERT_EQ(pin(*domain->vcpu(hv::VcpuId{0}), plain.l4, 4), 0);
    EXPECT_EQ(set_entry(*domain, plain.l1[0], 500, memory), 0);
}

}  // namespace
