// Which domains may map memory past the caches, and that what hv checks is then what the processor walks.
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

constexpr Pte kEveryKind[] = {kPteWriteThrough, kPteCacheDisable, kPtePat, kPteWriteThrough | kPteCacheDisable,
                              kCacheBits};

class Caching : public Mmu {
  protected:
    void SetUp() override {
        Mmu::SetUp();
        dom0 = &fake::dom0();
        by = dom0->vcpu(hv::VcpuId{0});
    }
    void TearDown() override {
        for (const Mfn mfn : own) hv::release_frame(info(mfn));
        Mmu::TearDown();
    }
    Mfn dom0_frame() { return own.emplace_back(fake::give_page(*dom0)); }
    static bool incoherent(Mfn frame) { return info(frame).type.load() & FrameInfo::kIncoherent; }
    // Counts until the test's end.
    unsigned flushes() const { return flushes_; }
    void count_flush(std::function<void()> then = {}) {
        fake::when_cache_flushed([this, then = std::move(then)] {
            ++flushes_;
            if (then) then();
        });
    }

    hv::Domain* dom0 = nullptr;
    hv::Vcpu* by = nullptr;
    std::vector<Mfn> own;

  private:
    unsigned flushes_ = 0;
};

TEST_F(Caching, IsNotForDomainsWithoutDevices) {
    const Mfn l1 = frame(), data = frame(), prepared = frame();
    ASSERT_EQ(pin(*vcpu, l1, 1), 0);
    ASSERT_EQ(set_entry(*domain, l1, 1, make_pte(data, kReadWrite)), 0);
    for (const Pte kind : kEveryKind) {
        for (const Pte rights : {kReadOnly, kReadWrite}) {
            EXPECT_EQ(set_entry(*domain, l1, 0, make_pte(data, rights | kind)), kInvalid);
            EXPECT_EQ(set_entry(*domain, l1, 1, make_pte(data, rights | kind)),
                      kInvalid);  // a change of the bits alone, for one
            table(prepared)[3] = make_pte(data, rights | kind);
            EXPECT_EQ(pin(*vcpu, prepared, 1), kInvalid);
        }
        // What is not present may hold anything.
        EXPECT_EQ(set_entry(*domain, l1, 0, kind | 0x5000), 0);
    }
    EXPECT_EQ(table(l1)[1] & kCacheBits, 0u);
    EXPECT_FALSE(incoherent(data));
    // Nor does the domain that builds this one lend it the right.
    EXPECT_EQ(set_entry(*dom0, l1, 1, make_pte(data, kReadWrite | kPteCacheDisable),
                        std::uint64_t{domain->id.raw + 1u} << 16 | domain->id.raw),
              kInvalid);
}

TEST_F(Caching, TablesAreAlwaysReadThroughTheCaches) {
    const Tree tree = make_tree();
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    const Mfn l2 = dom0_frame(), l1 = dom0_frame();
    ASSERT_EQ(pin(*by, l2, 2), 0);
    for (const Pte kind : {kPteWriteThrough, kPteCacheDisable}) {
        EXPECT_EQ(set_entry(*domain, tree.l4, 0, make_pte(tree.l3, kReadWrite | kind)), kInvalid);
        EXPECT_EQ(set_entry(*domain, tree.l3, 9, make_pte(tree.l2[0], kReadWrite | kind)), kInvalid);
        EXPECT_EQ(set_entry(*domain, tree.l2[0], 9, make_pte(tree.l1[0], kReadWrite | kind)), kInvalid);
        EXPECT_EQ(set_entry(*dom0, l2, 0, make_pte(l1, kReadWrite | kind)), kInvalid);
    }
    ASSERT_EQ(unpin(*by, l2), 0);
}

TEST_F(Caching, Dom0ChoosesAndItsTablesAreFlushedFirst) {
    const Mfn l1 = dom0_frame(), data = dom0_frame();
    ASSERT_EQ(pin(*by, l1, 1), 0);
    for (const Pte kind : kEveryKind) {
        // A view that cannot write leaves memory and caches the same.
        ASSERT_EQ(set_entry(*dom0, l1, 0, make_pte(data, kReadOnly | kind)), 0);
        EXPECT_FALSE(incoherent(data));
        ASSERT_EQ(set_entry(*dom0, l1, 0, make_pte(data, kReadWrite)), 0);
        EXPECT_FALSE(incoherent(data));
        ASSERT_EQ(set_entry(*dom0, l1, 0, make_pte(data, kReadWrite | kind)), 0);
        EXPECT_TRUE(incoherent(data));
        // It stays so, whatever is mapped later, until the frame becomes something else.
        ASSERT_EQ(set_entry(*dom0, l1, 0, 0), 0);
        ASSERT_EQ(set_entry(*dom0, l1, 0, make_pte(data, kReadWrite)), 0);
        ASSERT_EQ(set_entry(*dom0, l1, 0, 0), 0);
        EXPECT_TRUE(incoherent(data));
        // What was in memory all the time comes to light when the lines go: too late would be after the check.
        const unsigned before = flushes();
        count_flush([&] { table(data)[77] = make_pte(data, kReadWrite); });
        EXPECT_EQ(pin(*by, data, 1), kInvalid);
        EXPECT_EQ(flushes(), before + 1);
        EXPECT_FALSE(incoherent(data));
        table(data)[77] = 0;
        EXPECT_EQ(pin(*by, data, 1), 0);
        EXPECT_EQ(unpin(*by, data), 0);
        EXPECT_EQ(flushes(), before + 1);
        fake::when_cache_flushed({});
    }
    ASSERT_EQ(unpin(*by, l1), 0);
}

// The stale translations go first: they could write past the caches after the flush.
TEST_F(Caching, TheTlbsAreFlushedBeforeTheCaches) {
    const Mfn l1 = dom0_frame(), data = dom0_frame();
    ASSERT_EQ(pin(*by, l1, 1), 0);
    ASSERT_EQ(set_entry(*dom0, l1, 0, make_pte(data, kReadWrite | kPtePat)), 0);
    ASSERT_EQ(set_entry(*dom0, l1, 0, 0), 0);
    bool tlbs_first = false;
    fake::when_flushed([&] { tlbs_first = flushes() == 0; });
    count_flush();
    EXPECT_EQ(pin(*by, data, 2), 0);
    EXPECT_EQ(flushes(), 1u);
    EXPECT_TRUE(tlbs_first);
    EXPECT_EQ(unpin(*by, data), 0);
    ASSERT_EQ(unpin(*by, l1), 0);
}

TEST_F(Caching, TheNextOwnersFramesAreFlushedAndThenCleared) {
    const Mfn l1 = dom0_frame(), data = fake::give_page(*dom0);
    ASSERT_EQ(pin(*by, l1, 1), 0);
    ASSERT_EQ(set_entry(*dom0, l1, 0, make_pte(data, kReadWrite | kPteCacheDisable)), 0);
    ASSERT_EQ(set_entry(*dom0, l1, 0, 0), 0);
    std::vector<Mfn> rest;
    while (const auto free_frame = hv::allocate_frames({.clear = false})) rest.push_back(*free_frame);
    hv::release_frame(info(data));
    count_flush([&] { table(data)[5] = 5; });
    const Mfn given = frame();
    EXPECT_EQ(given, data);
    EXPECT_EQ(flushes(), 1u);
    EXPECT_EQ(table(given)[5], 0u);
    EXPECT_FALSE(incoherent(given));
    for (const Mfn each : rest) hv::free_frames(each, 0);
    ASSERT_EQ(unpin(*by, l1), 0);
}

}  // namespace
