// Promised: a multicall runs its entries in order and stores each result; a failed entry stops nothing.
// Exercised: mixed calls, unknown numbers, a multicall within a multicall, hundreds of entries, bad lists.
// A pass means: results are in their entries, and the list itself is the only thing that can make the call fail.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"

using namespace guest;

namespace {

constexpr unsigned kMany = 500;
MulticallEntry calls[kMany];

MulticallEntry call(HypercallId id, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0) {
    return {static_cast<u64>(id), 0x5555, {a, b, c, d, 0, 0}};
}

long result(unsigned index) {
    return static_cast<long>(calls[index].result);
}

}  // namespace

void guest::test_main() {
    const long version = xen_version(VersionCommand::Version, nullptr);
    const Page page = allocate_page();
    calls[0] = call(HypercallId::XenVersion, 0);
    calls[1] = call(static_cast<HypercallId>(61));
    calls[2] = call(HypercallId::UpdateVaMapping, page.address(), pte(page.mfn, kPteReadOnly), kUvmfInvlpg);
    calls[3] = call(HypercallId::UpdateVaMapping, page.address(), pte(top_table_mfn(), kPteKernelData), kUvmfInvlpg);
    calls[4] = call(HypercallId::XenVersion, 7);
    calls[5] = {~0ull, 0x5555, {}};
    EXPECT_EQ(hypercall(HypercallId::Multicall, calls, 6), 0);
    EXPECT_EQ(result(0), version);
    EXPECT_EQ(result(1), -kENOSYS);
    EXPECT_EQ(result(2), 0);
    EXPECT_TRUE(result(3) < 0);
    EXPECT_EQ(result(4), 4096);
    EXPECT_EQ(result(5), -kENOSYS);
    EXPECT_EQ(*entry_for(page.address(), 1) & kPteWritable, 0);
    EXPECT_EQ(make_writable(page), 0);

    // A list within a list is refused, or else does what it says; it never runs away.
    calls[1] = call(HypercallId::XenVersion, 7);
    calls[0] = call(HypercallId::Multicall, reinterpret_cast<u64>(calls + 1), 1);
    hypercall(HypercallId::Multicall, calls, 1);
    EXPECT_TRUE(result(0) <= 0);
    calls[0] = call(HypercallId::Multicall, reinterpret_cast<u64>(calls), 1);  // itself
    hypercall(HypercallId::Multicall, calls, 1);

    for (unsigned i = 0; i < kMany; ++i) calls[i] = call(HypercallId::XenVersion, i % 2 ? 7 : 0);
    EXPECT_EQ(hypercall(HypercallId::Multicall, calls, kMany), 0);
    u64 wrong = 0;
    for (unsigned i = 0; i < kMany; ++i) wrong += result(i) != (i % 2 ? 4096 : version);
    EXPECT_EQ(wrong, 0);

    EXPECT_EQ(hypercall(HypercallId::Multicall, calls, 0), 0);
    EXPECT_EQ(hypercall(HypercallId::Multicall, 0x1000, 1), -kEFAULT);
    EXPECT_EQ(hypercall(HypercallId::Multicall, kHypervisorVirtStart, 1), -kEFAULT);
    EXPECT_TRUE(hypercall(HypercallId::Multicall, calls, 0xffff'ffff) < 0);
}
