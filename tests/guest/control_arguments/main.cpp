// Promised: the control hypercall checks every argument and keeps its rules of compatibility.
// Exercised: every operation with bad addresses, sizes too small, too large, with unknown bytes set and clear, reserved
// fields, domains that are not there, buffers of no use; unknown operations.
// A pass means: each got its documented error, shorter and longer structures of friends were taken, nothing changed.
#include "hv/abi/control/console.hpp"
#include "hv/abi/control/domain.hpp"
#include "hv/abi/control/host.hpp"
#include "hv/abi/control/memory.hpp"
#include "hv/abi/control/sched.hpp"
#include "hv/abi/control/vcpu.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"

using namespace guest;
namespace control = hv::abi::control;
using control::Operation;

namespace {

struct Entry {
    Operation operation;
    u32 size;
    u32 first_size = size;  // as it was first published
};

constexpr Entry kOperations[] = {
    {Operation::GetVersion, sizeof(control::GetVersion)},
    {Operation::GetHostInfo, sizeof(control::GetHostInfo), control::kFirstHostInfoBytes},
    {Operation::GetCpuInfo, sizeof(control::GetCpuInfo)},
    {Operation::ReadText, sizeof(control::ReadText)},
    {Operation::GetPerfCounters, sizeof(control::GetPerfCounters)},
    {Operation::ReadConsole, sizeof(control::ReadConsole)},
    {Operation::SendDebugKeys, sizeof(control::SendDebugKeys)},
    {Operation::ListDomains, sizeof(control::ListDomains)},
    {Operation::GetDomain, sizeof(control::GetDomain)},
    {Operation::CreateDomain, sizeof(control::CreateDomain)},
    {Operation::DestroyDomain, sizeof(control::DomainOnly)},
    {Operation::PauseDomain, sizeof(control::DomainOnly)},
    {Operation::UnpauseDomain, sizeof(control::DomainOnly)},
    {Operation::ShutdownDomain, sizeof(control::ShutdownDomain)},
    {Operation::SetMaxMemory, sizeof(control::SetFrames)},
    {Operation::SetClaim, sizeof(control::SetFrames)},
    {Operation::InitHypercallPage, sizeof(control::InitHypercallPage)},
    {Operation::SeedGrants, sizeof(control::SeedGrants)},
    {Operation::SetUuid, sizeof(control::SetUuid)},
    {Operation::GetVcpuContext, sizeof(control::VcpuContext)},
    {Operation::SetVcpuContext, sizeof(control::VcpuContext)},
    {Operation::GetVcpuInfo, sizeof(control::GetVcpuInfo)},
    {Operation::GetVcpuAffinity, sizeof(control::VcpuAffinity)},
    {Operation::SetVcpuAffinity, sizeof(control::VcpuAffinity)},
    {Operation::GetVcpuState, sizeof(control::GetVcpuState)},
    {Operation::CopyMemory, sizeof(control::CopyMemory)},
    {Operation::GetFrameTypes, sizeof(control::GetFrameTypes)},
    {Operation::GetFrameList, sizeof(control::GetFrameList), control::kFirstFrameListBytes},
    {Operation::GetSchedParameters, sizeof(control::SchedParameters)},
    {Operation::SetSchedParameters, sizeof(control::SchedParameters)},
};

long call(Operation operation, u64 address, u64 size) {
    return raw_hypercall(control::kControlHypercall, static_cast<u64>(operation), address, size);
}

void expect(Operation operation, long result, long wanted, const char* what) {
    if (result != wanted)
        note_failure(
            Text{}.add("operation ", Hex{static_cast<u64>(operation)}, " ", what, ": ", result, ", wanted ", wanted));
}

void check_sizes(u64 page_end) {
    static u8 large[8192];
    for (const Entry& entry : kOperations) {
        for (const u64 bad :
             {u64{0x1000}, u64{0x0000'8000'0000'0000}, kHypervisorVirtStart + 0x300'0000'0000, ~u64{7}, page_end - 4})
            expect(entry.operation, call(entry.operation, bad, entry.size), -kEFAULT, "at a bad address");
        const u64 address = reinterpret_cast<u64>(large);
        expect(entry.operation, call(entry.operation, address, 0), -kEINVAL, "of size 0");
        expect(entry.operation, call(entry.operation, address, entry.first_size - 1), -kEINVAL, "too small");
        for (u8& byte : large) byte = 0;
        large[entry.size] = 1;
        expect(entry.operation, call(entry.operation, address, entry.size + 8), -kE2BIG, "with an unknown byte");
        const long huge = call(entry.operation, address, ~0ull >> 1);
        if (huge >= 0) expect(entry.operation, huge, -kE2BIG, "of absurd size");
    }
    control::GetVersion version[2] = {};
    EXPECT_EQ(call(Operation::GetVersion, reinterpret_cast<u64>(version), sizeof(version)), 0);  // a newer caller
    EXPECT_TRUE(version[0].name[0] == 'h' && version[0].interface_version >= 1);
}

void check_missing_domains() {
    u64 buffer[64] = {};
    buffer[0] = 1234;  // where most structures have the domain
    for (const Operation operation :
         {Operation::GetDomain, Operation::DestroyDomain, Operation::PauseDomain, Operation::UnpauseDomain,
          Operation::ShutdownDomain, Operation::SetMaxMemory, Operation::SetClaim, Operation::InitHypercallPage,
          Operation::SeedGrants, Operation::SetUuid, Operation::GetVcpuInfo, Operation::GetSchedParameters})
        for (const Entry& entry : kOperations)
            if (entry.operation == operation)
                expect(operation, call(operation, reinterpret_cast<u64>(buffer), entry.size), -kESRCH,
                       "without a domain");
    control::VcpuContext context{};
    context.domain = 1234;
    context.size = sizeof(VcpuGuestContext);
    EXPECT_EQ(control_op(Operation::GetVcpuContext, context), -kESRCH);
    control::CopyMemory copy{};
    copy.domain = 1234;
    EXPECT_EQ(control_op(Operation::CopyMemory, copy), -kESRCH);
}

void check_dom0_is_safe() {
    control::DomainOnly dom0{0, {}};
    EXPECT_TRUE(control_op(Operation::DestroyDomain, dom0) < 0);
    dom0.domain = control::kDomainSelf;
    EXPECT_TRUE(control_op(Operation::DestroyDomain, dom0) < 0);
    EXPECT_TRUE(control_op(Operation::PauseDomain, dom0) < 0);
}

// Only of a domain that has shut down: one that runs may have read the old one.
void check_uuid() {
    control::CreateDomain create{};
    create.domain = control::kDomainAny;
    create.max_frames = 16;
    create.max_vcpus = 1;
    EXPECT_EQ(control_op(Operation::CreateDomain, create), 0);
    control::SetUuid set{.domain = create.domain, .reserved = {}, .uuid = {1, 2, 3}};
    EXPECT_EQ(control_op(Operation::SetUuid, set), -kEBUSY);
    control::ShutdownDomain stop{create.domain, 0, static_cast<u32>(control::ShutdownReason::Crash)};
    EXPECT_EQ(control_op(Operation::ShutdownDomain, stop), 0);
    EXPECT_EQ(control_op(Operation::SetUuid, set), 0);
    control::GetDomain get{};
    get.domain = create.domain;
    EXPECT_EQ(control_op(Operation::GetDomain, get), 0);
    EXPECT_TRUE(get.info.uuid[0] == 1 && get.info.uuid[2] == 3 && get.info.uuid[15] == 0);
    control::DomainOnly one{create.domain, {}};
    EXPECT_EQ(control_op(Operation::DestroyDomain, one), 0);
    set.domain = 0;
    EXPECT_EQ(control_op(Operation::SetUuid, set), -kEINVAL);
}

void check_create() {
    control::CreateDomain good{};
    good.domain = control::kDomainAny;
    good.max_frames = 16;
    good.max_vcpus = 1;
    const auto refused = [&](auto spoil) {
        control::CreateDomain create = good;
        spoil(create);
        return control_op(Operation::CreateDomain, create);
    };
    EXPECT_TRUE(refused([](auto& c) { c.domain = 0; }) < 0);
    EXPECT_TRUE(refused([](auto& c) { c.domain = 0x7ff1; }) < 0);
    EXPECT_TRUE(refused([](auto& c) { c.domain = 0x8000; }) < 0);
    EXPECT_TRUE(refused([](auto& c) { c.type = 77; }) < 0);
    EXPECT_TRUE(refused([](auto& c) { c.max_vcpus = 0; }) < 0);
    EXPECT_TRUE(refused([](auto& c) { c.max_vcpus = 0xffff'ffff; }) < 0);
    EXPECT_TRUE(refused([](auto& c) { c.max_grant_version = 3; }) < 0);
    EXPECT_TRUE(refused([](auto& c) { c.max_grant_frames = 0xffff'ffff; }) < 0);
    EXPECT_TRUE(refused([](auto& c) { c.flags = 2; }) < 0);
    EXPECT_TRUE(refused([](auto& c) { c.reserved0 = 1; }) < 0);
}

void check_buffers() {
    control::ListDomains list{0x1000, sizeof(control::DomainInfo), 10, 0, 0, 0};
    EXPECT_EQ(control_op(Operation::ListDomains, list), -kEFAULT);
    control::DomainInfo infos[4] = {};
    list = {reinterpret_cast<u64>(infos), sizeof(control::DomainInfo), 4, 0, 0, 0};
    EXPECT_EQ(control_op(Operation::ListDomains, list), 0);
    EXPECT_EQ(list.count, 1);
    EXPECT_TRUE(infos[0].domain == 0 && infos[0].flags & control::kDomainPrivileged);
    list.capacity = 0;
    EXPECT_EQ(control_op(Operation::ListDomains, list), 0);
    EXPECT_EQ(list.count, 0);
    control::SendDebugKeys keys{reinterpret_cast<u64>("h"), 100000, 0};
    EXPECT_TRUE(control_op(Operation::SendDebugKeys, keys) < 0);
    control::ReadConsole console{0x1000, 0, 0, 64, 0, 0, 0};
    EXPECT_EQ(control_op(Operation::ReadConsole, console), -kEFAULT);
    control::SchedParameters share{0, 0, 0, 0, 0};
    EXPECT_TRUE(control_op(Operation::SetSchedParameters, share) < 0);
    share.weight = 1'000'000;
    EXPECT_TRUE(control_op(Operation::SetSchedParameters, share) < 0);
    u8 none = 0;
    control::VcpuAffinity affinity{reinterpret_cast<u64>(&none), 0, 8, 0, 0, {}};
    EXPECT_EQ(control_op(Operation::SetVcpuAffinity, affinity), -kEINVAL);
    affinity.vcpu = 9999;
    EXPECT_TRUE(control_op(Operation::GetVcpuAffinity, affinity) < 0);
    control::SetFrames claim{0, {}, ~0ull};
    EXPECT_TRUE(control_op(Operation::SetClaim, claim) < 0);
    claim.frames = 1u << 30;
    EXPECT_TRUE(control_op(Operation::SetClaim, claim) < 0);
}

}  // namespace

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    const Page page = allocate_page(), hole = allocate_page();
    REQUIRE_EQ(update_mapping(hole.bytes, 0), 0);
    check_sizes(page.address() + kPageSize);
    check_missing_domains();
    check_dom0_is_safe();
    check_create();
    check_uuid();
    check_buffers();
    for (const u32 unknown : {0u, 0x99u, 0x1ffu, 0xffff'ffffu}) {
        const long result = call(static_cast<Operation>(unknown), page.address(), 64);
        EXPECT_TRUE(result == -kENOSYS || result == -kEOPNOTSUPP);
    }
}
