// Promised: version 1 grants: pages shared by reference, mapped or copied, with the permissions in the
// entry. Exercised: a domain that grants to itself: setup_table, map, unmap, copy, read-only, mappings for
// devices, mappings that replace each other, references and handles out of range, copies across page ends,
// unmapping twice, ending access while mapped. A pass means: what was granted works, everything else has its
// status code, and no mapping outlived its end.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

constexpr u16 kMyself = 0;  // Dom0
constexpr Gref kRef = 9;

volatile GrantEntryV1* table;
Page slot;  // whose mapping grants replace

void set_up_table() {
    GnttabQuerySize size{kDomidSelf, 0, 0, 0, 0, 0};
    REQUIRE_EQ(grant_op(GrantCommand::QuerySize, &size), 0);
    EXPECT_EQ(size.status, GrantResult::Okay);
    EXPECT_TRUE(size.nr_frames >= 1 && size.max_nr_frames >= size.nr_frames);
    u64 frame = 0;
    GnttabSetupTable setup{kDomidSelf, 0, 1, 0, {}, reinterpret_cast<u64>(&frame)};
    REQUIRE_EQ(grant_op(GrantCommand::SetupTable, &setup), 0);
    REQUIRE_EQ(setup.status, GrantResult::Okay);
    const Page window = allocate_page();
    REQUIRE_EQ(update_mapping(window.bytes, pte(frame, kPteKernelData)), 0);
    table = reinterpret_cast<volatile GrantEntryV1*>(window.bytes);
    setup.nr_frames = 1'000'000;
    EXPECT_EQ(grant_op(GrantCommand::SetupTable, &setup), 0);
    EXPECT_TRUE(setup.status < 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, frame) < 0);
}

void grant(Gref ref, const Page& page, u16 flags) {
    table[ref].domid = kMyself;
    table[ref].frame = static_cast<u32>(page.mfn);
    asm volatile("" : : : "memory");
    table[ref].flags = flags;
}

GnttabMapGrantRef map(Gref ref, u32 flags = kGntmapHostMap, u16 domid = kMyself, u64 where = slot.address()) {
    GnttabMapGrantRef op{where, flags, ref, domid, 99, 0, 0};
    EXPECT_EQ(grant_op(GrantCommand::MapGrantRef, &op), 0);
    return op;
}

GrantResult unmap(GrantHandle handle, u64 where = slot.address()) {
    GnttabUnmapGrantRef op{where, 0, handle, 99, 0};
    EXPECT_EQ(grant_op(GrantCommand::UnmapGrantRef, &op), 0);
    return static_cast<GrantResult>(op.status);
}

void check_map() {
    const Page page = allocate_page();
    page.words()[0] = 0x5117'a7ed;
    grant(kRef, page, kGtfPermitAccess);
    const GnttabMapGrantRef first = map(kRef);
    REQUIRE_EQ(first.status, GrantResult::Okay);
    EXPECT_EQ(slot.words()[0], 0x5117'a7ed);
    slot.words()[1] = 7;
    EXPECT_EQ(page.words()[1], 7);
    EXPECT_EQ(table[kRef].flags & (kGtfReading | kGtfWriting), kGtfReading | kGtfWriting);
    // The page stays what it is while it is mapped.
    EXPECT_EQ(make_read_only(page), 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, page.mfn) < 0);
    EXPECT_EQ(make_writable(page), 0);
    EXPECT_EQ(unmap(first.handle), GrantResult::Okay);
    const GnttabMapGrantRef marked = map(kRef, kGntmapHostMap | 5u << kGntmapGuestAvailShift);
    REQUIRE_EQ(marked.status, GrantResult::Okay);
    EXPECT_EQ(*entry_for(slot.address(), 1) >> 9 & 7, 5);  // the bits that the processor leaves to software
    EXPECT_EQ(unmap(marked.handle), GrantResult::Okay);
    EXPECT_TRUE(try_read(slot.address()).happened);
    EXPECT_EQ(table[kRef].flags & (kGtfReading | kGtfWriting), 0);
    EXPECT_TRUE(unmap(first.handle) < GrantResult::Okay);
}

void check_read_only() {
    const Page page = allocate_page();
    grant(kRef, page, kGtfPermitAccess | kGtfReadonly);
    EXPECT_TRUE(map(kRef).status < 0);
    const GnttabMapGrantRef mapping = map(kRef, kGntmapHostMap | kGntmapReadonly);
    EXPECT_EQ(mapping.status, GrantResult::Okay);
    EXPECT_TRUE(!try_read(slot.address()).happened);
    EXPECT_TRUE(try_write(slot.address()).happened);
    EXPECT_EQ(unmap(mapping.handle), GrantResult::Okay);
}

void check_refusals() {
    const Page page = allocate_page();
    grant(kRef, page, kGtfPermitAccess);
    for (const Gref ref : {512u, 1000u, 0x7fff'ffffu, 0xffff'ffffu}) EXPECT_TRUE(map(ref).status < 0);
    EXPECT_TRUE(map(kRef + 1).status < 0);  // an empty entry
    EXPECT_TRUE(map(kRef, kGntmapHostMap, 1234).status < 0);
    EXPECT_TRUE(map(kRef, 0).status < 0);
    EXPECT_TRUE(map(kRef, kGntmapHostMap, kMyself, kHypervisorVirtStart).status < 0);
    EXPECT_TRUE(map(kRef, kGntmapHostMap, kMyself, 0x0000'8000'0000'0000).status < 0);
    EXPECT_TRUE(map(kRef, kGntmapHostMap | kGntmapContainsPte, kMyself, 0x000f'ffff'ffff'f000).status < 0);
    table[kRef].domid = 77;  // for another domain
    EXPECT_TRUE(map(kRef).status < 0);
    table[kRef].domid = kMyself;
    table[kRef].frame = static_cast<u32>(top_table_mfn());  // a page table, writable
    EXPECT_TRUE(map(kRef).status < 0);
    table[kRef].frame = ~0u;
    EXPECT_TRUE(map(kRef).status < 0);
    table[kRef].flags = 0;
    for (const u32 handle : {0u, 12345u, 0x7fff'ffffu, 0xffff'ffffu}) EXPECT_TRUE(unmap(handle) < GrantResult::Okay);
}

GrantResult copy(GnttabCopy op) {
    op.status = 99;
    EXPECT_EQ(grant_op(GrantCommand::Copy, &op), 0);
    return static_cast<GrantResult>(op.status);
}

void check_copy() {
    const Page from = allocate_page(), to = allocate_page();
    for (unsigned i = 0; i < kPageSize; ++i) from.bytes[i] = static_cast<u8>(i * 7);
    grant(kRef, from, kGtfPermitAccess | kGtfReadonly);
    const auto fetch = [&](u16 offset, u16 to_offset, u16 length) {
        GnttabCopy op{};
        op.source.u.ref = kRef;
        op.source.domid = kMyself;
        op.source.offset = offset;
        op.dest.u.gmfn = to.mfn;
        op.dest.domid = kDomidSelf;
        op.dest.offset = to_offset;
        op.len = length;
        op.flags = kGntcopySourceGref;
        return op;
    };
    EXPECT_EQ(copy(fetch(100, 200, 300)), GrantResult::Okay);
    EXPECT_TRUE(to.bytes[200] == from.bytes[100] && to.bytes[499] == from.bytes[399] && to.bytes[500] == 0);
    EXPECT_EQ(copy(fetch(0, 0, 4096)), GrantResult::Okay);
    EXPECT_TRUE(copy(fetch(1, 0, 4096)) < GrantResult::Okay);
    EXPECT_TRUE(copy(fetch(0, 1, 4096)) < GrantResult::Okay);
    EXPECT_TRUE(copy(fetch(4095, 0, 2)) < GrantResult::Okay);
    EXPECT_TRUE(copy(fetch(0, 0, 0xffff)) < GrantResult::Okay);
    EXPECT_TRUE(copy(fetch(0xffff, 0, 16)) < GrantResult::Okay);
    GnttabCopy op = fetch(0, 0, 16);
    op.source.u.ref = 0x7fff'ffff;
    EXPECT_TRUE(copy(op) < GrantResult::Okay);
    op = fetch(0, 0, 16);
    op.dest.u.gmfn = top_table_mfn();
    EXPECT_TRUE(copy(op) < GrantResult::Okay);
    op.dest.u.gmfn = ~0ull >> 12;
    EXPECT_TRUE(copy(op) < GrantResult::Okay);
    op = fetch(0, 0, 16);  // into a read-only grant
    op.dest = {{.ref = kRef}, kMyself, 0, 0};
    op.source = {{.gmfn = to.mfn}, kDomidSelf, 0, 0};
    op.flags = kGntcopyDestGref;
    EXPECT_TRUE(copy(op) < GrantResult::Okay);
    EXPECT_EQ(table[kRef].flags, kGtfPermitAccess | kGtfReadonly);
    table[kRef].flags = 0;
}

void check_many() {
    // Three mappings of one reference; the entry stays in use until the last is gone.
    const Page page = allocate_page(), slots[3] = {allocate_page(), allocate_page(), allocate_page()};
    for (const Page& each : slots) EXPECT_EQ(update_mapping(each.bytes, 0), 0);
    grant(kRef, page, kGtfPermitAccess);
    u32 handles[3];
    for (unsigned i = 0; i < 3; ++i) {
        const GnttabMapGrantRef op = map(kRef, kGntmapHostMap, kMyself, slots[i].address());
        EXPECT_EQ(op.status, GrantResult::Okay);
        handles[i] = op.handle;
    }
    for (unsigned i = 0; i < 3; ++i) {
        EXPECT_TRUE(table[kRef].flags & kGtfWriting);
        EXPECT_EQ(unmap(handles[i], slots[i].address()), GrantResult::Okay);
    }
    EXPECT_EQ(table[kRef].flags, kGtfPermitAccess);
    // A list with a bad one in the middle.
    GnttabMapGrantRef list[3];
    for (unsigned i = 0; i < 3; ++i)
        list[i] = {slots[i].address(), kGntmapHostMap, i == 1 ? 400u : kRef, kMyself, 99, 0, 0};
    EXPECT_EQ(grant_op(GrantCommand::MapGrantRef, list, 3), 0);
    EXPECT_TRUE(list[0].status == 0 && list[1].status < 0 && list[2].status == 0);
    EXPECT_EQ(unmap(list[0].handle, slots[0].address()), GrantResult::Okay);
    EXPECT_EQ(unmap(list[2].handle, slots[2].address()), GrantResult::Okay);
    EXPECT_TRUE(grant_op(GrantCommand::Transfer, list, 1) <= 0);
    EXPECT_TRUE(grant_op(GrantCommand::MapGrantRef, list, 0xffff'ffff) < 0);
}

bool may_be_table(const Page& page) {
    if (mmuext(MmuextCommand::PinL1Table, page.mfn) != 0) return false;
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, page.mfn), 0);
    return true;
}

// For the CPU and for devices in one operation: two mappings, each of which keeps the page writable until it ends.
void check_device() {
    const Page page = allocate_page();
    grant(kRef, page, kGtfPermitAccess);
    const GnttabMapGrantRef mapping = map(kRef, kGntmapHostMap | kGntmapDeviceMap);
    REQUIRE_EQ(mapping.status, GrantResult::Okay);
    EXPECT_EQ(mapping.dev_bus_addr, page.mfn * kPageSize);
    EXPECT_EQ(make_read_only(page), 0);
    EXPECT_EQ(mmuext(MmuextCommand::PinL1Table, page.mfn), -kEINVAL);
    EXPECT_EQ(unmap(mapping.handle), GrantResult::Okay);
    EXPECT_TRUE(try_read(slot.address()).happened);
    EXPECT_EQ(mmuext(MmuextCommand::PinL1Table, page.mfn), -kEINVAL);
    EXPECT_TRUE(table[kRef].flags & kGtfWriting);
    GnttabUnmapGrantRef device{0, mapping.dev_bus_addr + kPageSize, mapping.handle, 99, 0};
    EXPECT_EQ(grant_op(GrantCommand::UnmapGrantRef, &device), 0);
    EXPECT_TRUE(device.status < 0);
    device.dev_bus_addr = mapping.dev_bus_addr;
    EXPECT_EQ(grant_op(GrantCommand::UnmapGrantRef, &device), 0);
    EXPECT_EQ(device.status, GrantResult::Okay);
    EXPECT_EQ(table[kRef].flags, kGtfPermitAccess);
    EXPECT_TRUE(may_be_table(page));
    EXPECT_TRUE(unmap(mapping.handle) < GrantResult::Okay);
}

// The entry of one mapping moves to where another one was; the handle does not move with it.
void check_replace() {
    const Page written = allocate_page(), read = allocate_page(), place = allocate_page();
    EXPECT_EQ(update_mapping(place.bytes, 0), 0);
    EXPECT_EQ(make_read_only(written), 0);
    grant(kRef, written, kGtfPermitAccess);
    grant(kRef + 1, read, kGtfPermitAccess);
    const GnttabMapGrantRef first = map(kRef);
    const GnttabMapGrantRef second = map(kRef + 1, kGntmapHostMap | kGntmapReadonly, kMyself, place.address());
    REQUIRE_TRUE(first.status == 0 && second.status == 0);
    slot.words()[0] = 0x117;  // names no frame, should it ever be taken for an entry
    GnttabUnmapAndReplace op{place.address(), slot.address(), second.handle, 99, 0};
    EXPECT_EQ(grant_op(GrantCommand::UnmapAndReplace, &op), 0);
    EXPECT_EQ(op.status, GrantResult::Okay);
    EXPECT_TRUE(try_read(slot.address()).happened);
    EXPECT_EQ(place.words()[0], 0x117);
    EXPECT_TRUE(!try_write(place.address()).happened);
    // A read-only mapping of the page's own, where the grant's was: it is not the one that the handle stands for.
    EXPECT_EQ(update_mapping(slot.bytes, pte(written.mfn, kPteReadOnly)), 0);
    EXPECT_EQ(unmap(first.handle), GrantResult::GeneralError);
    EXPECT_TRUE(!may_be_table(written));
    EXPECT_EQ(unmap(first.handle, place.address()), GrantResult::Okay);
    EXPECT_EQ(update_mapping(slot.bytes, 0), 0);
    EXPECT_TRUE(may_be_table(written));
    table[kRef].flags = 0;
    table[kRef + 1].flags = 0;
}

// Where the entry itself is named, it is a whole one.
void check_entry() {
    const Page page = allocate_page();
    page.words()[0] = 99;
    grant(kRef, page, kGtfPermitAccess);
    const u64 entry = entry_machine_address(slot.address(), 1);
    for (const u64 off : {1, 2, 4, 7})
        EXPECT_TRUE(map(kRef, kGntmapHostMap | kGntmapContainsPte, kMyself, entry - off).status < 0);
    EXPECT_EQ(*entry_for(slot.address(), 1), 0);
    const GnttabMapGrantRef mapping = map(kRef, kGntmapHostMap | kGntmapContainsPte, kMyself, entry);
    EXPECT_EQ(mapping.status, GrantResult::Okay);
    EXPECT_EQ(slot.words()[0], 99);
    EXPECT_EQ(unmap(mapping.handle, entry), GrantResult::Okay);
    table[kRef].flags = 0;
}

}  // namespace

void guest::test_main() {
    slot = allocate_page();
    REQUIRE_EQ(update_mapping(slot.bytes, 0), 0);  // grants go where nothing is
    set_up_table();
    for (unsigned round = 0; round < 20; ++round) {
        check_map();
        check_read_only();
        check_device();
        check_replace();
        check_entry();
    }
    check_refusals();
    check_copy();
    check_many();
}
