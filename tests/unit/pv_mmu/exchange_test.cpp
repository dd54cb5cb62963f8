// A swap of frames for others, in the domain's accounts.
#include "hv/abi/xen/memory.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/hypercall/handlers.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

using MemorySwap = Mmu;

// It is promised memory to grow by, and a swap is no growth: no other domain may have that memory afterwards.
TEST_F(MemorySwap, CostsTheDomainNothingThatItWasPromised) {
    const Mfn given = frame();
    constexpr std::uint64_t kPromised = 16;
    domain->max_frames = domain->frames + kPromised;
    ASSERT_TRUE(hv::set_claim(*domain, domain->max_frames).has_value());
    std::uint64_t in = given.raw, out = 7;
    MemoryExchange exchange = exchange_of(in, out);
    ASSERT_EQ(
        call(*vcpu, hv::do_memory_op, static_cast<std::uint64_t>(MemoryCommand::Exchange), fake::address(exchange)), 0);
    EXPECT_EQ(exchange.nr_exchanged, 1u);
    EXPECT_EQ(domain->claimed_frames, kPromised);
    EXPECT_EQ(audit::report(), "");
    ASSERT_TRUE(hv::set_claim(*domain, 0).has_value());
    hv::release_frame(info(Mfn{out}));
}

}  // namespace
