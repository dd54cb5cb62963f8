// Promised: a domain gives frames back, takes new ones, exchanges them and asks for its limits with memory_op.
// Exercised: decrease, increase, populate, exchange, reservations, machine-to-phys queries, memory maps, bad arguments.
// A pass means: the accounting moves by exactly what was asked for, and refused requests change nothing.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"

using namespace guest;

namespace {

long current() {
    MemoryDomain domain{kDomidSelf};
    return memory_op(MemoryCommand::CurrentReservation, &domain);
}

long reserve(MemoryCommand command, u64* extents, u64 count, u32 order = 0, u16 domid = kDomidSelf) {
    MemoryReservation reservation{reinterpret_cast<u64>(extents), count, order, 0, domid, {}};
    return memory_op(command, &reservation);
}

void check_decrease_and_populate() {
    const long before = current();
    const Page page = allocate_page();
    u64 extent = page.mfn;
    EXPECT_EQ(update_mapping(page.bytes, 0), 0);
    EXPECT_EQ(reserve(MemoryCommand::DecreaseReservation, &extent, 1), 1);
    EXPECT_EQ(current(), before - 1);
    EXPECT_TRUE(update_mapping(page.bytes, pte(page.mfn, kPteKernelData)) < 0);  // not ours any more
    extent = page.mfn;
    EXPECT_EQ(reserve(MemoryCommand::DecreaseReservation, &extent, 1), 0);
    extent = page.pfn;
    EXPECT_EQ(reserve(MemoryCommand::PopulatePhysmap, &extent, 1), 1);
    EXPECT_EQ(current(), before);
    EXPECT_EQ(machine_to_phys(extent), page.pfn);
    set_pfn_to_mfn(page.pfn, extent);
    EXPECT_EQ(update_mapping(page.bytes, pte(extent, kPteKernelData)), 0);
    EXPECT_TRUE(!try_write(page.address()).happened);
}

void check_many() {
    constexpr u64 kCount = 64;
    static u64 extents[kCount];
    const long before = current();
    Page pages[4] = {allocate_page(), allocate_page(), allocate_page(), allocate_page()};
    for (unsigned i = 0; i < 4; ++i) {
        extents[i] = pages[i].mfn;
        EXPECT_EQ(update_mapping(pages[i].bytes, 0), 0);
    }
    extents[2] = ~0ull >> 12;  // no frame: the operation stops there
    EXPECT_EQ(reserve(MemoryCommand::DecreaseReservation, extents, 4), 2);
    extents[2] = pages[2].mfn;
    EXPECT_EQ(reserve(MemoryCommand::DecreaseReservation, extents + 2, 2), 2);
    EXPECT_EQ(current(), before - 4);
    EXPECT_EQ(reserve(MemoryCommand::IncreaseReservation, extents, 4), 4);
    EXPECT_EQ(current(), before);
    for (unsigned i = 0; i < 4; ++i) {
        EXPECT_EQ(update_entry(extents[i] * kPageSize, pages[i].pfn, MmuCommand::MachphysUpdate), 0);
        EXPECT_EQ(machine_to_phys(extents[i]), pages[i].pfn);
        set_pfn_to_mfn(pages[i].pfn, extents[i]);
        EXPECT_EQ(update_mapping(pages[i].bytes, pte(extents[i], kPteKernelData)), 0);
    }
}

void check_still_mapped() {
    const Page page = allocate_page();
    u64 extent = page.mfn;
    const long before = current();
    reserve(MemoryCommand::DecreaseReservation, &extent, 1);  // may succeed: the mapping keeps the frame alive
    if (current() == before - 1) {
        EXPECT_TRUE(!try_write(page.address()).happened);
        EXPECT_TRUE(update_mapping(allocate_page().bytes, pte(page.mfn, kPteKernelData)) < 0);
    }
    EXPECT_EQ(update_mapping(page.bytes, 0), 0);
}

void check_exchange() {
    const Page page = allocate_page();
    const long before = current();
    u64 in = page.mfn, out = page.pfn;
    MemoryExchange exchange{{reinterpret_cast<u64>(&in), 1, 0, 0, kDomidSelf, {}},
                            {reinterpret_cast<u64>(&out), 1, 0, 0, kDomidSelf, {}},
                            0};
    EXPECT_TRUE(memory_op(MemoryCommand::Exchange, &exchange) < 0);  // still mapped
    EXPECT_EQ(exchange.nr_exchanged, 0);
    EXPECT_TRUE(!try_write(page.address()).happened);
    EXPECT_EQ(update_mapping(page.bytes, 0), 0);
    exchange.nr_exchanged = 0;
    out = page.pfn;
    EXPECT_EQ(memory_op(MemoryCommand::Exchange, &exchange), 0);
    EXPECT_EQ(exchange.nr_exchanged, 1);
    EXPECT_EQ(machine_to_phys(out), page.pfn);
    EXPECT_EQ(current(), before);
    set_pfn_to_mfn(page.pfn, out);
    EXPECT_EQ(update_mapping(page.bytes, pte(out, kPteKernelData)), 0);
    // Sizes that do not match, and numbers that overflow.
    exchange.in.nr_extents = 3;
    exchange.nr_exchanged = 0;
    EXPECT_TRUE(memory_op(MemoryCommand::Exchange, &exchange) < 0);
    exchange.in.nr_extents = exchange.out.nr_extents = ~0ull;
    EXPECT_TRUE(memory_op(MemoryCommand::Exchange, &exchange) < 0);
    exchange.in.nr_extents = exchange.out.nr_extents = 1;
    exchange.in.extent_order = exchange.out.extent_order = 63;
    EXPECT_TRUE(memory_op(MemoryCommand::Exchange, &exchange) < 0);
    EXPECT_EQ(current(), before);
    // Lists said to begin so far below, and to be done so far, that what is next is this
    // variable and the hypervisor's memory.
    constexpr u64 kDone = u64{1} << 50;
    const Page lost = allocate_page();
    in = lost.mfn;
    EXPECT_EQ(update_mapping(lost.bytes, 0), 0);
    exchange = {{reinterpret_cast<u64>(&in) - 8 * kDone, kDone + 1, 0, 0, kDomidSelf, {}},
                {kHypervisorVirtStart - 8 * kDone, kDone + 1, 0, 0, kDomidSelf, {}},
                kDone};
    EXPECT_TRUE(memory_op(MemoryCommand::Exchange, &exchange) < 0);
    EXPECT_EQ(current(), before);
}

void check_queries() {
    MemoryDomain domain{kDomidSelf};
    EXPECT_TRUE(memory_op(MemoryCommand::MaximumReservation, &domain) >= current());
    EXPECT_TRUE(memory_op(MemoryCommand::MaximumGpfn, &domain) >= 0);
    domain.domid = 1234;
    EXPECT_EQ(memory_op(MemoryCommand::CurrentReservation, &domain), -kESRCH);
    EXPECT_TRUE(hypercall(HypercallId::MemoryOp, MemoryCommand::MaximumRamPage) > static_cast<long>(pfn_to_mfn(0)));
    MachphysMapping mapping{};
    EXPECT_EQ(memory_op(MemoryCommand::MachphysMapping, &mapping), 0);
    EXPECT_TRUE(mapping.v_start == kMachineToPhysStart && mapping.max_mfn >= pfn_to_mfn(0));
    u64 table[4];
    MachphysMfnList list{4, 0, reinterpret_cast<u64>(table), 0, 0};
    EXPECT_EQ(memory_op(MemoryCommand::MachphysMfnList, &list), 0);
    EXPECT_TRUE(list.nr_extents >= 1);
    static E820Entry entries[64];
    MemoryMap map{64, 0, reinterpret_cast<u64>(entries)};
    EXPECT_EQ(memory_op(MemoryCommand::MachineMemoryMap, &map), 0);
    EXPECT_TRUE(map.nr_entries >= 2 && entries[0].size != 0);
}

void check_bad_requests() {
    const long before = current();
    u64 extent = allocate_page().mfn;
    EXPECT_TRUE(reserve(MemoryCommand::DecreaseReservation, &extent, 1, 0, 1234) <= 0);
    EXPECT_TRUE(reserve(MemoryCommand::IncreaseReservation, &extent, 1, 40) <= 0);
    EXPECT_TRUE(reserve(MemoryCommand::PopulatePhysmap, &extent, 1, 63) <= 0);
    EXPECT_TRUE(reserve(MemoryCommand::DecreaseReservation, &extent, ~0ull >> 2) <= 0);
    EXPECT_TRUE(reserve(MemoryCommand::PopulatePhysmap, reinterpret_cast<u64*>(0x1000), 1) <= 0);
    EXPECT_TRUE(reserve(MemoryCommand::DecreaseReservation, reinterpret_cast<u64*>(kHypervisorVirtStart), 1) <= 0);
    EXPECT_EQ(hypercall(HypercallId::MemoryOp, 61, &extent), -kENOSYS);
    EXPECT_EQ(current(), before);
}

}  // namespace

void guest::test_main() {
    EXPECT_EQ(current(), start_info().nr_pages);
    check_decrease_and_populate();
    check_many();
    check_still_mapped();
    check_exchange();
    check_queries();
    check_bad_requests();
}
