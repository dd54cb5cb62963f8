// What a frame's last owner can still do to it through a TLB ends before its contents are another owner's.
#include <functional>

#include "hv/abi/xen/memory.hpp"
#include "hv/domain/shared_page.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/machine/tlb.hpp"
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

// Guests make hv allocate and free as often as they like: that makes no CPU flush, where no guest could map the page.
TEST_F(Allocation, HvsOwnMemoryComesBackWithoutAFlush) {
    give_up();
    for (const std::size_t bytes : {hv::kPageSize, hv::kPageSize / 2}) {
        hv::heap_free(hv::heap_allocate(bytes));
        const std::uint64_t before = fake::flushes();
        for (int i = 0; i < 100; ++i) hv::heap_free(hv::heap_allocate(bytes));
        EXPECT_EQ(fake::flushes(), before);
    }
    // Nor where some frames were found and not enough.
    const std::uint64_t before = fake::flushes();
    std::uint32_t blocks[2];
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(hv::allocate_blocks({}, blocks));
    hv::heap_free(hv::heap_allocate(hv::kPageSize));
    EXPECT_EQ(fake::flushes(), before);
}

// The TLB clock wraps, and a frame may be free for longer than half its range: beside one that was freed just now,
// whose last owner may still have it in a TLB, it must not be taken for the newer one.
TEST(Stamps, TheNewestCountsHoweverOldOthersAre) {
    fake::boot();
    fake::on_cpu(hv::CpuId{0});
    constexpr std::uint32_t kHalfRange = std::uint32_t{1} << 31;
    for (const std::uint32_t age :
         {1u, kHalfRange - 1, kHalfRange, kHalfRange + 1, kHalfRange + 1000, ~std::uint32_t{0}}) {
        for (const unsigned old : {0u, 1u}) {
            const Mfn block = MUST(hv::allocate_frames({.order = 1, .clear = false}), "there is much");
            hv::free_frames(block, 1);
            const std::uint32_t now = hv::tlb_clock();
            hv::frame_info(block + old).tlb_stamp = now - age;
            ASSERT_EQ(hv::allocate_frames({.order = 1, .clear = false}), block);
            EXPECT_EQ(fake::last_flush_stamp(), now) << age;
            hv::free_frames(block, 1);
        }
    }
}

// Other CPUs free what they can while a guest exchanges a large extent: TLBs are not
// flushed for each frame that it gets.
TEST(Exchange, FlushesOncePerChunk) {
    constexpr unsigned kOrder = 6;
    constexpr std::uint64_t kFrames = 1u << kOrder;
    fake::boot();
    fake::on_cpu(hv::CpuId{0});
    hv::Domain& domain = fake::make_domain();
    const Mfn block = MUST(hv::allocate_domain_frames(domain, kOrder), "there is much");
    std::vector<Mfn> other_frames;
    for (std::uint64_t i = 0; i < kFrames; ++i) other_frames.push_back(*hv::allocate_frames({.clear = false}));
    unsigned flushes = 0;
    const auto free_one = [&] {
        if (other_frames.empty()) return;
        hv::free_frames(other_frames.back(), 0);
        other_frames.pop_back();
    };
    std::function<void()> on_flush = [&] {
        ++flushes;
        free_one();
        fake::when_flushed(on_flush);
    };
    free_one();
    fake::when_flushed(on_flush);

    std::uint64_t in = block.raw;
    std::vector<std::uint64_t> out(kFrames);
    hv::abi::xen::MemoryExchange request{};
    request.in = {fake::address(in), 1, kOrder, 0, hv::abi::xen::kDomidSelf, {}};
    request.out = {reinterpret_cast<std::uintptr_t>(out.data()), kFrames, 0, 0, hv::abi::xen::kDomidSelf, {}};
    hv::Vcpu& before = fake::running_on(hv::CpuId{0});
    fake::set_current(*domain.vcpu(hv::VcpuId{0}));
    EXPECT_EQ(fake::hypercall(hv::do_memory_op, static_cast<std::uint64_t>(hv::abi::xen::MemoryCommand::Exchange),
                              fake::address(request)),
              0);
    fake::set_current(before);
    fake::when_flushed(nullptr);
    EXPECT_EQ(request.nr_exchanged, 1u);
    EXPECT_LE(flushes, 1u);
    for (const Mfn frame : other_frames) hv::free_frames(frame, 0);
    fake::destroy_all();
}

}  // namespace
