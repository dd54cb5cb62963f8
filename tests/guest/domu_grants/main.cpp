// Promised: grants between domains: only what is granted, only to the domain that it is granted to, and a frame lives
// as long as a domain has it mapped. Exercised: a domain grants pages to Dom0; Dom0 maps and copies them, with wrong
// domains and permissions too; the domain is destroyed while a mapping stands; the domain tries to revoke and to reuse
// a mapped page. A pass means: data went both ways, the dying domain waited for the last mapping, and afterwards
// nothing could be mapped.
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;
namespace control = hv::abi::control;

namespace {

constexpr Gref kShared = 10, kReadOnly = 11, kForOther = 12, kTable = 13;

alignas(4096) volatile u64 shared_page[512];
alignas(4096) volatile u64 read_only_page[512];
volatile u64 ready;    // by the domain
volatile u64 proceed;  // by Dom0

void grant(volatile GrantEntryV1* table, Gref ref, u16 domid, u64 mfn, u16 flags) {
    table[ref].domid = domid;
    table[ref].frame = static_cast<u32>(mfn);
    asm volatile("" : : : "memory");
    table[ref].flags = flags;
}

u64 remote_read(const DomU& domain, volatile u64& word) {
    return read_domu(domain, const_cast<const u64&>(word));
}

GnttabMapGrantRef map(const DomU& domain, Gref ref, const Page& slot, u32 flags) {
    GnttabMapGrantRef op{slot.address(), flags, ref, domain.id, 99, 0, 0};
    EXPECT_EQ(grant_op(GrantCommand::MapGrantRef, &op), 0);
    return op;
}

}  // namespace

void guest::domu_main(u64) {
    u64 frame = 0;
    GnttabSetupTable setup{kDomidSelf, 0, 1, 0, {}, reinterpret_cast<u64>(&frame)};
    REQUIRE_EQ(grant_op(GrantCommand::SetupTable, &setup), 0);
    REQUIRE_EQ(setup.status, GrantResult::Okay);
    const Page window = allocate_page();
    REQUIRE_EQ(update_mapping(window.bytes, pte(frame, kPteKernelData)), 0);
    auto* const table = reinterpret_cast<volatile GrantEntryV1*>(window.bytes);
    shared_page[0] = 0xaaaa;
    read_only_page[0] = 0xbbbb;
    grant(table, kShared, 0, mfn_of(shared_page), kGtfPermitAccess);
    grant(table, kReadOnly, 0, mfn_of(read_only_page), kGtfPermitAccess | kGtfReadonly);
    grant(table, kForOther, 77, mfn_of(shared_page), kGtfPermitAccess);
    grant(table, kTable, 0, top_table_mfn(), kGtfPermitAccess);
    ready = 1;
    while (proceed < 1) yield();
    EXPECT_EQ(shared_page[1], 0xcccc);
    // Mapped by Dom0 now: the page cannot become a table, and giving it back does not free it.
    EXPECT_EQ(update_mapping(shared_page, pte(mfn_of(shared_page), kPteReadOnly)), 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, mfn_of(shared_page)) < 0);
    EXPECT_EQ(table[kShared].flags & (kGtfReading | kGtfWriting), kGtfReading | kGtfWriting);
    EXPECT_EQ(update_mapping(shared_page, 0), 0);
    u64 extent = mfn_of(shared_page);
    MemoryReservation reservation{reinterpret_cast<u64>(&extent), 1, 0, 0, kDomidSelf, {}};
    memory_op(MemoryCommand::DecreaseReservation, &reservation);
    table[kShared].flags = 0;
    ready = 2;
    while (proceed < 2) yield();
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    const Page slot = allocate_page(), second = allocate_page(), target = allocate_page();
    REQUIRE_EQ(update_mapping(slot.bytes, 0), 0);
    REQUIRE_EQ(update_mapping(second.bytes, 0), 0);
    const DomU domain = build_domu();
    unpause_domu(domain);
    while (remote_read(domain, ready) < 1 && !(domu_info(domain).flags & control::kDomainShutdown)) yield();

    const GnttabMapGrantRef mapping = map(domain, kShared, slot, kGntmapHostMap);
    REQUIRE_EQ(mapping.status, GrantResult::Okay);
    EXPECT_EQ(slot.words()[0], 0xaaaa);
    slot.words()[1] = 0xcccc;
    EXPECT_TRUE(map(domain, kReadOnly, second, kGntmapHostMap).status < 0);
    EXPECT_TRUE(map(domain, kForOther, second, kGntmapHostMap).status < 0);
    EXPECT_TRUE(map(domain, kTable, second, kGntmapHostMap).status < 0);
    EXPECT_TRUE(map(domain, 99999, second, kGntmapHostMap).status < 0);
    GnttabCopy copy{};
    copy.source = {{.ref = kReadOnly}, domain.id, 0, 0};
    copy.dest = {{.gmfn = target.mfn}, kDomidSelf, 8, 0};
    copy.len = 8;
    copy.flags = kGntcopySourceGref;
    EXPECT_EQ(grant_op(GrantCommand::Copy, &copy), 0);
    EXPECT_EQ(copy.status, GrantResult::Okay);
    EXPECT_EQ(target.words()[1], 0xbbbb);

    write_domu(domain, const_cast<u64&>(proceed), u64{1});
    while (remote_read(domain, ready) < 2 && !(domu_info(domain).flags & control::kDomainShutdown)) yield();
    slot.words()[2] = 1;  // still there, whatever the domain did to its page
    write_domu(domain, const_cast<u64&>(proceed), u64{2});
    expect_end(domain, control::ShutdownReason::Poweroff);

    control::DomainOnly only{domain.id, {}};
    long result = 0;
    for (unsigned i = 0; i < 50 && (result = control_op(control::Operation::DestroyDomain, only)) == -kEAGAIN; ++i)
        yield();
    EXPECT_EQ(result, -kEAGAIN);  // the mapping holds a frame
    slot.words()[3] = 2;
    EXPECT_TRUE(map(domain, kReadOnly, second, kGntmapHostMap | kGntmapReadonly).status < 0);  // it is dying
    GnttabUnmapGrantRef unmap{slot.address(), 0, mapping.handle, 99, 0};
    EXPECT_EQ(grant_op(GrantCommand::UnmapGrantRef, &unmap), 0);
    EXPECT_EQ(unmap.status, GrantResult::Okay);
    const long end = destroy_domu(domain);
    EXPECT_TRUE(end == 0 || end == -kESRCH);  // the last reference may have ended it
    EXPECT_EQ(map(domain, kReadOnly, second, kGntmapHostMap | kGntmapReadonly).status, GrantResult::BadDomain);
}
