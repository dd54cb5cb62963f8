// Promised: Dom0 can give the processors newer microcode; what is damaged, for another processor or not newer is
// refused, and hv says so when processors do not take it. Exercised: platform_op's two ways of an update and the
// question for a revision, on an emulated Intel processor, which takes none: files made here, good ones and hostile
// ones. A pass means: each was refused for its own reason, and the revision stayed.
#include "hv/abi/xen/platform.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/processor.hpp"

using namespace guest;

namespace {

constexpr u32 kBytes = 2048, kWords = kBytes / 4;
// Words of the header (Intel SDM volume 3, "Microcode Update Facilities").
constexpr u32 kRevision = 1, kSignature = 3, kChecksum = 4, kLoader = 5, kFlags = 6, kDataBytes = 7, kTotalBytes = 8;

alignas(4096) constinit u32 file[kWords] = {};

void make_file(u32 revision, u32 signature) {
    for (u32 i = 0; i < kWords; ++i) file[i] = i * 0x0101'0101;
    for (u32 i = 0; i < 12; ++i) file[i] = 0;
    file[0] = 1;
    file[kRevision] = revision;
    file[kSignature] = signature;
    file[kLoader] = 1;
    file[kFlags] = 0;
    file[kDataBytes] = kBytes - 48;
    file[kTotalBytes] = kBytes;
    u32 sum = 0;
    for (const u32 word : file) sum += word;
    file[kChecksum] = 0u - sum;
}

PlatformOp request(PlatformCommand command) {
    PlatformOp op{};
    op.command = static_cast<u32>(command);
    op.interface_version = kPlatformInterfaceVersion;
    return op;
}

long load(const void* data, u32 length) {
    PlatformOp op = request(PlatformCommand::MicrocodeUpdate);
    op.u.microcode.data = reinterpret_cast<u64>(data);
    op.u.microcode.length = length;
    return hypercall(HypercallId::PlatformOp, &op);
}

long load_2(u32 flags) {
    PlatformOp op = request(PlatformCommand::MicrocodeUpdate2);
    op.u.microcode2 = {flags, kBytes, reinterpret_cast<u64>(file)};
    return hypercall(HypercallId::PlatformOp, &op);
}

PlatformUcodeRevision ask(u32 cpu) {
    PlatformOp op = request(PlatformCommand::GetUcodeRevision);
    op.u.ucode_revision.cpu = cpu;
    REQUIRE_EQ(hypercall(HypercallId::PlatformOp, &op), 0);
    return op.u.ucode_revision;
}

void check_refusals(const PlatformUcodeRevision& has) {
    EXPECT_EQ(load(file, 0), -kEINVAL);
    EXPECT_EQ(load(file, ~0u), -kE2BIG);
    EXPECT_EQ(load(reinterpret_cast<void*>(0x10), kBytes), -kEFAULT);
    make_file(has.revision + 1, has.signature ^ 0x10);
    EXPECT_EQ(load(file, kBytes), -kENOENT);
    make_file(has.revision, has.signature);
    EXPECT_EQ(load(file, kBytes), -kEEXIST);
    make_file(has.revision - 1, has.signature);
    EXPECT_EQ(load(file, kBytes), -kEEXIST);
    EXPECT_EQ(load_2(kMicrocodeForce), -kEOPNOTSUPP);
    make_file(has.revision + 1, has.signature);
    for (u32 length : {1u, 47u, 48u, kBytes - 1}) EXPECT_EQ(load(file, length), -kEINVAL);
    for (u32 word : {0u, kRevision, kSignature, kLoader, kDataBytes, kTotalBytes, kWords - 1}) {
        file[word] ^= 0x100;
        EXPECT_EQ(load(file, kBytes), -kEINVAL);
        file[word] ^= 0x100;
    }
}

}  // namespace

void guest::test_main() {
    if (!on_hv()) skip("others answer otherwise");
    const PlatformUcodeRevision has = ask(0);
    EXPECT_EQ(has.signature, forced_cpuid(1).a);
    EXPECT_TRUE(has.platform_flags != 0);
    check_refusals(has);
    // Nothing is wrong with the file; the emulated processor just does nothing with it.
    make_file(has.revision + 1, has.signature);
    EXPECT_EQ(load(file, kBytes), -kEIO);
    EXPECT_EQ(load_2(0), -kEIO);
    EXPECT_EQ(ask(0).revision, has.revision);
    EXPECT_EQ(ask(1).revision, has.revision);
    PlatformOp op = request(PlatformCommand::GetUcodeRevision);
    op.u.ucode_revision.cpu = 4000;
    EXPECT_EQ(hypercall(HypercallId::PlatformOp, &op), -kENOENT);
}
