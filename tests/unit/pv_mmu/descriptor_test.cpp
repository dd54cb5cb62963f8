// Which segment descriptors a guest may have, and as what.
#include "hv/x86/pv/descriptors/descriptors.hpp"

#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

// Type and attributes where a descriptor has them; base and limit are arbitrary.
constexpr std::uint64_t descriptor(unsigned type, unsigned dpl, bool present = true, bool is_long = false,
                                   bool is_32 = false) {
    return 0x0080'0000'0000'ffff | std::uint64_t{type} << 40 | std::uint64_t{dpl} << 45 | std::uint64_t{present} << 47 |
           std::uint64_t{is_long} << 53 | std::uint64_t{is_32} << 54;
}
constexpr unsigned kData = 0x13, kCode = 0x1b, kConforming = 0x1f;

TEST(Descriptors, AllTypes) {
    for (unsigned type = 0; type < 32; ++type) {
        for (unsigned dpl = 0; dpl < 4; ++dpl) {
            const auto checked = check_descriptor(descriptor(type, dpl));
            // Gates, task states and LDTs never; everything else in ring 3.
            ASSERT_EQ(checked.has_value(), type >= 0x10) << type;
            EXPECT_TRUE(!checked || *checked == descriptor(type, 3)) << type;
            // What is not present always faults.
            const std::uint64_t absent = descriptor(type, dpl, false);
            EXPECT_EQ(check_descriptor(absent).value_or(1), absent);
        }
    }
    EXPECT_EQ(check_descriptor(0).value_or(1), 0u);
}

TEST(Descriptors, Code) {
    EXPECT_EQ(check_descriptor(descriptor(kCode, 0, true, true)).value_or(0), descriptor(kCode, 3, true, true));
    EXPECT_EQ(check_descriptor(descriptor(kCode, 3, true, false, true)).value_or(0),
              descriptor(kCode, 3, true, false, true));
    EXPECT_FALSE(check_descriptor(descriptor(kCode, 3, true, true, true)).has_value());
    EXPECT_FALSE(check_descriptor(descriptor(kConforming, 0, true, true)).has_value());
    EXPECT_EQ(check_descriptor(descriptor(kData, 2, true, false, true)).value_or(0),
              descriptor(kData, 3, true, false, true));
}

class DescriptorTables : public Mmu {};

TEST_F(DescriptorTables, GdtHoldsItsFrames) {
    const Mfn first = frame(), second = frame();
    const std::uint64_t frames[] = {first.raw, second.raw, first.raw};
    ASSERT_TRUE(set_gdt(*vcpu, frames, 3, 1024).has_value());
    EXPECT_EQ(info(first).type_count(), 2u);
    EXPECT_EQ(audit::report(), "");
    // Another one, of which the last frame is no good: nothing changes.
    const std::uint64_t bad[] = {second.raw, fake::give_page(*other).raw};
    EXPECT_FALSE(set_gdt(*vcpu, bad, 2, 600).has_value());
    EXPECT_EQ(pv(*vcpu).gdt_frame_count, 3u);
    EXPECT_FALSE(set_gdt(*vcpu, frames, 15, 512).has_value());
    EXPECT_FALSE(set_gdt(*vcpu, frames, 3, 7169).has_value());
    ASSERT_TRUE(set_gdt(*vcpu, frames, 1, 512).has_value());
    EXPECT_EQ(info(second).references(), 1u);
}

TEST_F(DescriptorTables, EachFlushOfOthersIsFollowedByALook) {
    std::vector<Mfn> frames;
    std::uint64_t numbers[14];
    for (std::uint64_t& number : numbers) {
        frames.push_back(frame());
        number = frames.back().raw;
        hv::FrameInfo* was = *hv::get_frame_and_type(frames.back(), domain->id, FrameType::Writable);
        hv::put_frame_type(*was);
        hv::put_frame(*was);
    }
    EXPECT_LE(most_flushes_between_looks(frames, [&] { EXPECT_TRUE(set_gdt(*vcpu, numbers, 14, 7000).has_value()); }),
              1u);
    // Preempted each time, it comes to its end.
    for (const Mfn each : frames) info(each).tlb_stamp = hv::tlb_clock();
    ASSERT_TRUE(set_gdt(*vcpu, numbers, 0, 0).has_value());
    fake::preempt_every(1);
    unsigned tries = 0;
    while (!set_gdt(*vcpu, numbers, 14, 7000) && tries < 100) ++tries;
    fake::preempt_every(0);
    EXPECT_LT(tries, 100u);
}

TEST_F(DescriptorTables, LdtPagesComeOnDemand) {
    const Tree tree = make_tree(1, 1);
    const Mfn good = frame(), bad = frame();
    table(bad)[0] = descriptor(0xc, 3);  // a call gate
    table(tree.l1[0])[0] = make_pte(good, kReadOnly);
    table(tree.l1[0])[1] = make_pte(bad, kReadOnly);
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::NewBaseptr, tree.l4.raw), 0);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::SetLdt, 8, 1), kInvalid);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::SetLdt, 0, 8193), kInvalid);
    EXPECT_EQ(mmuext(*vcpu, MmuextCommand::SetLdt, 0xffff'8000'0000'0000, 1), kInvalid);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::SetLdt, 0, 1536), 0);
    EXPECT_TRUE(map_ldt_page(*vcpu, 0, hv::Preemption::Allowed).has_value());
    EXPECT_FALSE(map_ldt_page(*vcpu, 0, hv::Preemption::Allowed).has_value());
    EXPECT_FALSE(map_ldt_page(*vcpu, 1, hv::Preemption::Allowed).has_value());
    EXPECT_FALSE(map_ldt_page(*vcpu, 2, hv::Preemption::Allowed).has_value());
    EXPECT_FALSE(map_ldt_page(*vcpu, 3, hv::Preemption::Allowed).has_value());
    EXPECT_FALSE(map_ldt_page(*vcpu, 16, hv::Preemption::Allowed).has_value());
    EXPECT_EQ(info(good).frame_type(), FrameType::Descriptor);
    EXPECT_EQ(set_entry(*domain, tree.l1[0], 2, make_pte(good, kReadWrite)), kInvalid);
    ASSERT_EQ(mmuext(*vcpu, MmuextCommand::SetLdt, 0, 0), 0);
    EXPECT_EQ(set_entry(*domain, tree.l1[0], 2, make_pte(good, kReadWrite)), 0);
}

}  // namespace
