// Promised: after a domain is destroyed every frame, port, grant and vCPU is back.
// Exercised: 200 rounds of create and destroy at every stage of a domain's life: empty, populated, built, running,
// ended, crashed, with ports and claims; one domain of most of the free memory. A pass means: hv counts the same free
// frames, its own frames, claims and domains as before the first round.
#include "hv/abi/control/host.hpp"
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;
namespace control = hv::abi::control;
using control::Operation;

namespace {

constexpr unsigned kRounds = 200;

control::GetHostInfo host() {
    control::GetHostInfo info{};
    REQUIRE_EQ(control_op(Operation::GetHostInfo, info), 0);
    return info;
}

u16 create_empty(u64 frames, u32 vcpus) {
    control::CreateDomain create{};
    create.domain = control::kDomainAny;
    create.max_frames = frames;
    create.max_vcpus = vcpus;
    REQUIRE_EQ(control_op(Operation::CreateDomain, create), 0);
    return create.domain;
}

void destroy(u16 id) {
    control::DomainOnly only{id, {}};
    long result;
    while ((result = control_op(Operation::DestroyDomain, only)) == -kEAGAIN) yield();
    REQUIRE_EQ(result, 0);
}

void populate(u16 id, u64 frames) {
    static u64 extents[512];
    for (u64 first = 0; first < frames; first += 512) {
        const u64 count = frames - first < 512 ? frames - first : 512;
        for (u64 i = 0; i < count; ++i) extents[i] = first + i;
        MemoryReservation reservation{reinterpret_cast<u64>(extents), count, 0, 0, id, {}};
        REQUIRE_EQ(memory_op(MemoryCommand::PopulatePhysmap, &reservation), count);
    }
}

void empty_round(unsigned round) {
    destroy(create_empty(1000, 1 + round % 4));
}

void populated_round() {
    const u16 id = create_empty(1000, 1);
    populate(id, 700);
    const long port = alloc_unbound(id, 0);
    EXPECT_TRUE(port > 0);
    control::SetFrames claim{id, {}, 900};
    EXPECT_EQ(control_op(Operation::SetClaim, claim), 0);
    destroy(id);
}

void running_round(unsigned round) {
    const DomU domain = build_domu({.role = 1 + round % 3, .vcpus = 2});
    unpause_domu(domain);
    if (round % 3 == 0) expect_end(domain, control::ShutdownReason::Poweroff);
    if (round % 3 == 1) expect_end(domain, control::ShutdownReason::Crash);
    EXPECT_EQ(destroy_domu(domain), 0);  // the third kind is still running
}

// As many vCPUs as a domain can have, all made and taken apart within one call each.
void wide_round() {
    constexpr u32 kMostVcpus = 128;
    destroy(create_empty(1000, kMostVcpus));
}

void large_round() {
    const u64 frames = host().free_frames * 3 / 4;
    const u16 id = create_empty(frames, 1);
    populate(id, frames);
    destroy(id);
}

}  // namespace

void guest::domu_main(u64 role) {
    bind_ipi(0);
    alloc_unbound(kDomidSelf, 0);
    u64 frame = 0;
    GnttabSetupTable setup{kDomidSelf, 0, 1, 0, {}, reinterpret_cast<u64>(&frame)};
    grant_op(GrantCommand::SetupTable, &setup);
    const Page area = allocate_page();
    VcpuRegisterVcpuInfo info{area.mfn, 0, 0};
    vcpu_op(VcpuCommand::RegisterVcpuInfo, 1, &info);
    const Page control_block = allocate_page(), array = allocate_page();
    EventChannelInitControl init{control_block.mfn, 0, 0, 0, {}};
    event_op(EventChannelCommand::InitControl, &init);
    EventChannelExpandArray expand{array.mfn};
    event_op(EventChannelCommand::ExpandArray, &expand);
    const Page gdt = allocate_page();
    make_read_only(gdt);
    u64 gdt_frame = gdt.mfn;
    hypercall(HypercallId::SetGdt, &gdt_frame, 512);
    start_vcpu(
        1,
        [](void*) {
            for (;;) yield();
        },
        nullptr);
    if (role == 1) shut_down(ShutdownReason::Poweroff);
    if (role == 2) shut_down(ShutdownReason::Crash);
    for (;;) yield();
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    // What hv allocates once and keeps does not count: one round of each kind comes first.
    empty_round(3);
    populated_round();
    for (unsigned i = 0; i < 3; ++i) running_round(i);
    const control::GetHostInfo before = host();
    for (unsigned round = 0; round < kRounds; ++round) {
        if (round % 4 == 0) empty_round(round / 4);
        if (round % 4 == 1) populated_round();
        if (round % 4 >= 2) running_round(round);
    }
    wide_round();
    large_round();
    const control::GetHostInfo after = host();
    EXPECT_EQ(after.free_frames, before.free_frames);
    EXPECT_EQ(after.hv_frames, before.hv_frames);
    EXPECT_EQ(after.claimed_frames, before.claimed_frames);
    EXPECT_EQ(after.domains, before.domains);
}
