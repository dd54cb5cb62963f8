// What a frame's last owner can still do to it through a TLB ends before its contents are anybody else's.
#include "hv/domain/shared_page.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

class Allocation : public Mmu {
  protected:
    void SetUp() override {
        Mmu::SetUp();
        lost_ = frame();
        // Nothing else is free: the next one to come is this.
        while (const auto other_frame = hv::allocate_frames({.clear = false})) rest_.push_back(*other_frame);
    }
    void TearDown() override {
        for (const Mfn each : rest_) hv::free_frames(each, 0);
        Mmu::TearDown();
    }
    // The guest gives up its frame, which it has in a TLB; the last moment to write to it is when that is flushed.
    void give_up() {
        hv::release_frame(info(lost_));
        fake::when_flushed([this] { table(lost_)[100] = kWritten; });
    }
    void expect_clear(const void* memory) {
        EXPECT_EQ(hv::frame_of_pointer(memory), lost_);
        for (unsigned i = 0; i < kEntriesPerTable; ++i) ASSERT_EQ(table(lost_)[i], 0u) << i;
    }
    static constexpr std::uint64_t kWritten = 0x1234;
    Mfn lost_{0};

  private:
    std::vector<Mfn> rest_;
};

TEST_F(Allocation, FramesForADomain) {
    give_up();
    const auto got = hv::allocate_domain_frames(*other, 0);
    ASSERT_TRUE(got.has_value());
    expect_clear(hv::frame_pointer(*got));
}

TEST_F(Allocation, SharedPages) {
    give_up();
    const auto page = hv::SharedPage::allocate(*other);
    ASSERT_TRUE(page.has_value());
    expect_clear(page->bytes());
}

TEST_F(Allocation, HvsOwnMemory) {
    give_up();
    void* page = hv::heap_allocate(hv::kPageSize);
    ASSERT_NE(page, nullptr);
    expect_clear(page);
    hv::heap_free(page);
}

}  // namespace
