// Promised: a multicall runs its entries in order and stores each result; a failed entry stops nothing, an iret ends
// the list. Exercised: mixed calls, unknown numbers, a multicall within a multicall, an iret in the middle, hundreds of
// entries, bad lists. A pass means: results are in their entries, the list itself is the only thing that can make the
// call fail, and nothing was called in the name of the code that an iret went to.
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

// A multicall with the frame of an iret on the stack. Returns the rax of whichever of the two comes back.
long multicall_with_frame(const MulticallEntry* list, u64 count, u64 frame_rax) {
    long result;
    asm volatile(
        "mov %%rsp, %%rdx\n"
        "push %[ss]\n push %%rdx\n push $2\n push %[cs]\n"
        "lea 1f(%%rip), %%rax\n push %%rax\n"
        "push $0\n push $0\n push $0\n push %[frame_rax]\n"
        "mov %[number], %%eax\n syscall\n"
        "add $72, %%rsp\n"
        "1:\n"
        : "=&a"(result), "+D"(list), "+S"(count)
        : [ss] "r"(u64{kFlatKernelSs}), [cs] "r"(kFlatKernelCs & ~3ull), [frame_rax] "r"(frame_rax),
          [number] "i"(HypercallId::Multicall)
        : "rdx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
    return result;
}

void check_iret() {
    calls[0] = call(HypercallId::XenVersion, 7);
    calls[1] = call(HypercallId::Iret);
    calls[2] = call(HypercallId::XenVersion, 7);
    EXPECT_EQ(multicall_with_frame(calls, 1, 0x1234), 0);
    EXPECT_EQ(multicall_with_frame(calls, 3, 0x1234), 0x1234);
    EXPECT_EQ(result(0), 4096);
    EXPECT_EQ(result(2), 0x5555);
    EXPECT_EQ(multicall_with_frame(calls + 1, 2, ~0ull), -1);
    EXPECT_EQ(result(2), 0x5555);
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

    check_iret();

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
