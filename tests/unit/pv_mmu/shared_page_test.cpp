// Pages that hv shares with a guest: it may map them, and no call makes anything else of them.
#include "hv/abi/xen/event_channel.hpp"
#include "hv/abi/xen/grant_table.hpp"
#include "hv/abi/xen/memory.hpp"
#include "hv/abi/xen/vcpu.hpp"
#include "hv/domain/vcpu_info.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

class SharedPages : public Mmu {
  protected:
    void SetUp() override {
        Mmu::SetUp();
        ASSERT_TRUE(domain->grants.set_version(2).has_value());
        const auto shared = domain->grants.frame(0, false);
        const auto status = domain->grants.frame(0, true);
        ASSERT_TRUE(shared && status);
        pages = {domain->shared_info.frame(), *shared, *status};
    }
    void TearDown() override {
        unchanged();
        Mmu::TearDown();
    }
    // Only hv's own references are left.
    void unchanged() {
        for (const Mfn page : pages) {
            EXPECT_EQ(info(page).count.load() & ~FrameInfo::kForeignMapped,
                      std::uint64_t{domain->id.raw} << FrameInfo::kOwnerShift | FrameInfo::kShared | 1);
            EXPECT_EQ(info(page).frame_type(), FrameType::Writable);
            EXPECT_EQ(info(page).type_count(), 1u);
            EXPECT_EQ(hv::m2p(page), hv::kInvalidM2pEntry);
        }
        EXPECT_EQ(audit::report(), "");
    }
    std::int64_t memory_op(hv::Vcpu& by, MemoryCommand command, void* argument) {
        return call(by, hv::do_memory_op, static_cast<std::uint64_t>(command),
                    reinterpret_cast<std::uintptr_t>(argument));
    }
    std::int64_t decrease(hv::Vcpu& by, std::uint16_t whose, Mfn page) {
        std::uint64_t extent = page.raw;
        MemoryReservation request{};
        request.extent_start = fake::address(extent);
        request.nr_extents = 1;
        request.domid = whose;
        return memory_op(by, MemoryCommand::DecreaseReservation, &request);
    }

    std::vector<Mfn> pages;
};

TEST_F(SharedPages, AreMappedByTheirDomainAndDom0) {
    const Mfn own = frame(), foreign = fake::give_page(fake::dom0()), others = fake::give_page(*other);
    hv::Vcpu& dom0 = *fake::dom0().vcpu(hv::VcpuId{0});
    ASSERT_EQ(pin(*vcpu, own, 1), 0);
    ASSERT_EQ(pin(dom0, foreign, 1), 0);
    ASSERT_EQ(pin(*other->vcpu(hv::VcpuId{0}), others, 1), 0);
    for (const Mfn page : pages) {
        for (const Pte flags : {kReadOnly, kReadWrite}) {
            EXPECT_EQ(set_entry(*domain, own, 3, make_pte(page, flags)), 0);
            EXPECT_EQ(set_entry(fake::dom0(), foreign, 3, make_pte(page, flags), domain->id.raw), 0);
            EXPECT_EQ(set_entry(*other, others, 3, make_pte(page, flags)), kInvalid);
            EXPECT_EQ(set_entry(fake::dom0(), foreign, 4, make_pte(page, flags)), kInvalid);
            EXPECT_EQ(set_entry(fake::dom0(), foreign, 4, make_pte(page, flags), kDomidXen), kInvalid);
            EXPECT_EQ(set_entry(fake::dom0(), foreign, 4, make_pte(page, flags), kDomidIo), kInvalid);
        }
    }
    EXPECT_EQ(audit::report(), "");
    EXPECT_EQ(set_entry(*domain, own, 3, 0), 0);
    EXPECT_EQ(set_entry(fake::dom0(), foreign, 3, 0), 0);
    ASSERT_EQ(unpin(dom0, foreign), 0);
    hv::release_frame(info(foreign));
}

// Also while it is mapped: then every count is higher, as it is for memory in use.
TEST_F(SharedPages, AreNotGivenUp) {
    const Mfn l1 = frame();
    ASSERT_EQ(pin(*vcpu, l1, 1), 0);
    for (const bool mapped : {false, true}) {
        for (unsigned i = 0; i < pages.size() && mapped; ++i)
            ASSERT_EQ(set_entry(*domain, l1, i, make_pte(pages[i], kReadWrite)), 0);
        for (const Mfn page : pages) {
            EXPECT_EQ(decrease(*vcpu, kDomidSelf, page), 0);
            EXPECT_EQ(decrease(*fake::dom0().vcpu(hv::VcpuId{0}), domain->id.raw, page), 0);
            EXPECT_EQ(decrease(*fake::dom0().vcpu(hv::VcpuId{0}), kDomidXen, page), 0);

            std::uint64_t in = page.raw, out = 7;
            MemoryExchange exchange = exchange_of(in, out);
            EXPECT_EQ(memory_op(*vcpu, MemoryCommand::Exchange, &exchange), kInvalid);
            EXPECT_EQ(exchange.nr_exchanged, 0u);

            EXPECT_FALSE(hv::release_frame(info(page)));
        }
    }
    for (unsigned i = 0; i < pages.size(); ++i) ASSERT_EQ(set_entry(*domain, l1, i, 0), 0);
}

TEST_F(SharedPages, HaveNoPlaceInTheDomainsMemory) {
    for (const Mfn page : pages) {
        EXPECT_EQ(
            mmu_update(*domain, {{hv::address_of(page).raw | static_cast<unsigned>(MmuCommand::MachphysUpdate), 5}}),
            kInvalid);
        EXPECT_EQ(mmu_update(fake::dom0(),
                             {{hv::address_of(page).raw | static_cast<unsigned>(MmuCommand::MachphysUpdate), 5}},
                             domain->id.raw),
                  kInvalid);
    }
}

TEST_F(SharedPages, BecomeNothingElse) {
    const Tree tree = make_tree();
    const Mfn spare = frame();
    ASSERT_EQ(pin(*vcpu, tree.l4, 4), 0);
    for (const Mfn page : pages) {
        for (unsigned level = 1; level <= 4; ++level) EXPECT_EQ(pin(*vcpu, page, level), kInvalid);
        EXPECT_EQ(unpin(*vcpu, page), kInvalid);
        EXPECT_EQ(set_entry(*domain, tree.l4, 5, make_pte(page, kReadWrite)), kInvalid);
        EXPECT_EQ(set_entry(*domain, tree.l3, 5, make_pte(page, kReadWrite)), kInvalid);
        EXPECT_EQ(set_entry(*domain, tree.l2[0], 5, make_pte(page, kReadWrite)), kInvalid);
        for (const auto command : {MmuextCommand::NewBaseptr, MmuextCommand::NewUserBaseptr, MmuextCommand::ClearPage})
            EXPECT_EQ(mmuext(*vcpu, command, page.raw), kInvalid);
        EXPECT_EQ(mmuext(*vcpu, MmuextCommand::CopyPage, page.raw, spare.raw), kInvalid);
        EXPECT_EQ(mmuext(*vcpu, MmuextCommand::CopyPage, spare.raw, page.raw), kInvalid);
        EXPECT_EQ(set_entry(*domain, page, 5, 0), kInvalid);  // as plain memory
        const std::uint64_t frames[] = {page.raw};
        EXPECT_FALSE(set_gdt(*vcpu, frames, 1, 512).has_value());
    }
}

// What hv writes to keeps its own references, on memory of the domain's only.
TEST_F(SharedPages, AreNoPlaceForHvsOtherStructures) {
    for (const Mfn page : pages) {
        EXPECT_FALSE(hv::register_vcpu_info(*domain->vcpu(hv::VcpuId{1}), hv::Gfn{page.raw}, 0).has_value());
        EXPECT_FALSE(domain->events.init_control(hv::Gfn{page.raw}, 0, hv::VcpuId{0}).has_value());
    }
    ASSERT_TRUE(domain->events.init_control(hv::Gfn{frame().raw}, 0, hv::VcpuId{0}).has_value());
    for (const Mfn page : pages) EXPECT_FALSE(domain->events.expand_array(hv::Gfn{page.raw}).has_value());
    ASSERT_TRUE(domain->events.reset().has_value());
}

TEST_F(SharedPages, AreNotGranted) {
    const Mfn l1 = fake::give_page(*other);
    ASSERT_EQ(pin(*other->vcpu(hv::VcpuId{0}), l1, 1), 0);
    auto* entries = static_cast<GrantEntryV2*>(hv::frame_pointer(pages[1]));
    const auto as = [](GrantResult result) { return static_cast<std::int16_t>(result); };
    for (Gref ref{10}; ref < 10 + pages.size(); ++ref) {
        entries[ref].full_page.frame = pages[ref - 10].raw;
        entries[ref].full_page.header = {.flags = kGtfPermitAccess, .domid = other->id.raw};
        GnttabMapGrantRef map{};
        map.host_addr = entry_address(l1, 0);
        map.flags = kGntmapHostMap | kGntmapContainsPte | (ref % 2 ? kGntmapReadonly : 0);
        map.ref = ref;
        map.domid = domain->id.raw;
        EXPECT_EQ(call(*other->vcpu(hv::VcpuId{0}), hv::do_grant_table_op,
                       static_cast<std::uint64_t>(GrantCommand::MapGrantRef), fake::address(map), 1),
                  0);
        EXPECT_EQ(map.status, as(GrantResult::BadPage));
        GnttabCopy copy{};
        copy.source = {.u = {.ref = ref}, .domid = domain->id.raw, .offset = 0, .pad = 0};
        copy.dest = {.u = {.gmfn = fake::give_page(*other).raw}, .domid = kDomidSelf, .offset = 0, .pad = 0};
        copy.len = 16;
        copy.flags = kGntcopySourceGref;
        EXPECT_EQ(call(*other->vcpu(hv::VcpuId{0}), hv::do_grant_table_op,
                       static_cast<std::uint64_t>(GrantCommand::Copy), fake::address(copy), 1),
                  0);
        EXPECT_EQ(copy.status, as(GrantResult::BadPage));
        // Nor copied from by the owner, which can read it anyway.
        copy.source = {.u = {.gmfn = pages[ref - 10].raw}, .domid = kDomidSelf, .offset = 0, .pad = 0};
        copy.dest.u.gmfn = frame().raw;
        copy.flags = 0;
        EXPECT_EQ(
            call(*vcpu, hv::do_grant_table_op, static_cast<std::uint64_t>(GrantCommand::Copy), fake::address(copy), 1),
            0);
        EXPECT_EQ(copy.status, as(GrantResult::BadPage));
    }
}

// A status page that is mapped would stay mapped when it is one no more.
TEST_F(SharedPages, StatusPagesStayWhileTheyAreMapped) {
    const Mfn l1 = frame();
    ASSERT_EQ(pin(*vcpu, l1, 1), 0);
    ASSERT_EQ(set_entry(*domain, l1, 0, make_pte(pages[2], kReadOnly)), 0);
    EXPECT_EQ(domain->grants.set_version(1).error(), hv::Error::Busy);
    ASSERT_EQ(set_entry(*domain, l1, 0, 0), 0);
    EXPECT_TRUE(domain->grants.set_version(1).has_value());
    EXPECT_EQ(set_entry(*domain, l1, 0, make_pte(pages[2], kReadOnly)), kInvalid);
    pages.pop_back();
}

// Dom0 keeps what it maps of a domain that is gone, until it unmaps it; the page belongs to no domain meanwhile.
TEST_F(SharedPages, MappingsOutliveTheDomain) {
    const Mfn foreign = fake::give_page(fake::dom0());
    hv::Vcpu& dom0 = *fake::dom0().vcpu(hv::VcpuId{0});
    ASSERT_EQ(pin(dom0, foreign, 1), 0);
    const std::uint16_t id = domain->id.raw;
    for (unsigned i = 0; i < pages.size(); ++i)
        ASSERT_EQ(set_entry(fake::dom0(), foreign, i, make_pte(pages[i], kReadWrite), id), 0);
    ASSERT_TRUE(fake::destroy(*domain));
    for (unsigned i = 0; i < pages.size(); ++i) {
        EXPECT_EQ(info(pages[i]).references(), 1u);
        for (const std::uint16_t name : {id, kDomidXen, kDomidIo, kDomidSelf})
            EXPECT_NE(set_entry(fake::dom0(), foreign, 9, make_pte(pages[i], kReadOnly), name), 0);
        EXPECT_EQ(set_entry(fake::dom0(), foreign, i, 0), 0);
        EXPECT_EQ(info(pages[i]).references(), 0u);
    }
    pages.clear();
    ASSERT_EQ(unpin(dom0, foreign), 0);
    hv::release_frame(info(foreign));
}

}  // namespace
