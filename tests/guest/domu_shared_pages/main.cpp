// Promised: pages that the hypervisor shares with a domain (shared info, grant tables) are never the domain's memory.
// Exercised, in an unprivileged domain: every call that releases a frame or gives it another use, on each of its shared
// pages, mapped and unmapped, with room in the reservation to get frames anew; by Dom0, on the domain's. A pass means:
// each was refused, no shared page came back as memory, and the domain still gets its events through its shared info.
#include "hv/abi/control/domain.hpp"
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr unsigned kShared = 3;  // shared info, a grant frame, a status frame
constexpr u64 kRoom = 12;

u64 shared[kShared];
u64 ready;

long reserve(MemoryCommand command, u64& extent, u32 whose = kDomidSelf) {
    MemoryReservation reservation{reinterpret_cast<u64>(&extent), 1, 0, 0, static_cast<u16>(whose), {}};
    return memory_op(command, &reservation);
}

void find_pages() {
    GnttabSetVersion version{2};
    REQUIRE_EQ(grant_op(GrantCommand::SetVersion, &version), 0);
    u64 frame = 0, status = 0;
    GnttabSetupTable setup{kDomidSelf, 0, 1, 0, {}, reinterpret_cast<u64>(&frame)};
    REQUIRE_EQ(grant_op(GrantCommand::SetupTable, &setup), 0);
    GnttabGetStatusFrames get{1, kDomidSelf, 0, reinterpret_cast<u64>(&status)};
    REQUIRE_EQ(grant_op(GrantCommand::GetStatusFrames, &get), 0);
    shared[0] = start_info().shared_info / kPageSize;
    shared[1] = frame;
    shared[2] = status;
}

bool is_shared(u64 mfn) {
    for (const u64 page : shared)
        if (page == mfn) return true;
    return false;
}

void refuse_release(u64 page) {
    u64 extent = page;
    EXPECT_EQ(reserve(MemoryCommand::DecreaseReservation, extent), 0);
    u64 in = page, out = 100;
    MemoryExchange exchange{};
    exchange.in = {reinterpret_cast<u64>(&in), 1, 0, 0, kDomidSelf, {}};
    exchange.out = {reinterpret_cast<u64>(&out), 1, 0, 0, kDomidSelf, {}};
    EXPECT_TRUE(memory_op(MemoryCommand::Exchange, &exchange) < 0);
    EXPECT_TRUE(update_entry(page * kPageSize, 5, MmuCommand::MachphysUpdate) < 0);
}

void refuse_uses(u64 page, const Page& spare) {
    for (const MmuextCommand command : {MmuextCommand::PinL1Table, MmuextCommand::PinL2Table, MmuextCommand::PinL3Table,
                                        MmuextCommand::PinL4Table, MmuextCommand::UnpinTable, MmuextCommand::NewBaseptr,
                                        MmuextCommand::NewUserBaseptr, MmuextCommand::ClearPage})
        EXPECT_TRUE(mmuext(command, page) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::CopyPage, spare.mfn, page) < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::CopyPage, page, spare.mfn) < 0);
    EXPECT_TRUE(update_entry(page * kPageSize + 8, 0) < 0);
    const u64 beyond = kVirtBase + (u64{8} << 21);
    EXPECT_TRUE(update_entry(entry_machine_address(beyond, 2), pte(page, kPteTable)) < 0);
    u64 frame = page;
    EXPECT_TRUE(hypercall(HypercallId::SetGdt, &frame, 512) < 0);
    EXPECT_TRUE(hypercall(HypercallId::UpdateDescriptor, page * kPageSize, 0) < 0);
    VcpuRegisterVcpuInfo info{page, 0, 0};
    EXPECT_TRUE(vcpu_op(VcpuCommand::RegisterVcpuInfo, 0, &info) < 0);
    EventChannelInitControl control{page, 0, 0, 0, {}};
    EXPECT_TRUE(event_op(EventChannelCommand::InitControl, &control) < 0);
    GnttabCopy copy{};
    copy.source = {{.gmfn = page}, kDomidSelf, 0, 0};
    copy.dest = {{.gmfn = spare.mfn}, kDomidSelf, 0, 0};
    copy.len = 16;
    EXPECT_EQ(grant_op(GrantCommand::Copy, &copy), 0);
    EXPECT_TRUE(copy.status < 0);
}

// Whatever is given to the domain now, and was a shared page, was taken from the hypervisor.
void take_frames() {
    Page given[kRoom];
    for (Page& page : given) {
        page = allocate_page();
        EXPECT_EQ(update_mapping(page.bytes, 0), 0);
        u64 extent = page.mfn;
        EXPECT_EQ(reserve(MemoryCommand::DecreaseReservation, extent), 1);
    }
    for (const u64 page : shared) refuse_release(page);
    for (Page& page : given) {
        u64 extent = page.pfn;
        REQUIRE_EQ(reserve(MemoryCommand::PopulatePhysmap, extent), 1);
        EXPECT_TRUE(!is_shared(extent));
        EXPECT_EQ(update_mapping(page.bytes, pte(extent, kPteKernelData)), 0);
    }
}

}  // namespace

void guest::domu_main(u64) {
    disable_events();
    find_pages();
    const Page spare = allocate_page();
    const Page window[kShared] = {allocate_page(), allocate_page(), allocate_page()};
    for (unsigned i = 0; i < kShared; ++i) EXPECT_EQ(update_mapping(window[i].bytes, 0), 0);
    for (const u64 page : shared) {
        refuse_release(page);
        refuse_uses(page, spare);
    }
    for (unsigned i = 0; i < kShared; ++i)
        EXPECT_EQ(update_mapping(window[i].bytes, pte(shared[i], kPteKernelData)), 0);
    for (const u64 page : shared) {
        refuse_release(page);
        refuse_uses(page, spare);
    }
    take_frames();
    // hv writes to the same page as ever.
    const long port = bind_ipi(0);
    REQUIRE_TRUE(port > 0);
    EXPECT_EQ(send(static_cast<u32>(port)), 0);
    EXPECT_TRUE(port_pending(static_cast<u32>(port)));
    __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST)) yield();
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    u64 own = start_info().shared_info / kPageSize;
    EXPECT_EQ(reserve(MemoryCommand::DecreaseReservation, own), 0);
    const DomU domain = build_domu();
    unpause_domu(domain);
    while (!(domu_info(domain).flags & hv::abi::control::kDomainShutdown) && !read_domu(domain, ready)) yield();
    for (const u64& page : shared) {
        u64 extent = read_domu(domain, page);
        EXPECT_EQ(reserve(MemoryCommand::DecreaseReservation, extent, domain.id), 0);
        EXPECT_TRUE(update_entry(extent * kPageSize, 5, MmuCommand::MachphysUpdate, domain.id) < 0);
        // Dom0 maps it, and leaves it as it was.
        const Page slot = allocate_page();
        EXPECT_EQ(update_entry(entry_machine_address(slot.address(), 1), pte(extent, kPteKernelData),
                               MmuCommand::NormalPtUpdate, domain.id),
                  0);
        EXPECT_EQ(update_mapping(slot.bytes, pte(slot.mfn, kPteKernelData)), 0);
    }
    write_domu(domain, ready, u64{0});
    expect_end(domain, hv::abi::control::ShutdownReason::Poweroff);
    EXPECT_EQ(destroy_domu(domain), 0);
}
