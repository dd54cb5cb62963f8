// Domains' frames: maxima, claims, giving up, sharing, exchanging.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "hv/abi/xen/domain_id.hpp"
#include "hv/abi/xen/memory.hpp"
#include "hv/domain/frame_list.hpp"
#include "hv/hypercall/handlers.hpp"
#include "tests/unit/memory/memory.hpp"

namespace {

using hv::Error;
using hv::Mfn;

class DomainMemory : public Memory {
  protected:
    std::int64_t exchange(hv::Domain& domain, std::vector<std::uint64_t>& in, unsigned in_order, std::uint64_t out_list,
                          std::uint64_t out_count, unsigned out_order) {
        hv::abi::xen::MemoryExchange request{};
        request.in.domid = request.out.domid = hv::abi::xen::kDomidSelf;
        request.in.extent_start = reinterpret_cast<std::uintptr_t>(in.data());
        request.in.nr_extents = in.size();
        request.in.extent_order = in_order;
        request.out.extent_start = out_list;
        request.out.nr_extents = out_count;
        request.out.extent_order = out_order;
        hv::Vcpu& before = fake::running_on(hv::CpuId{0});
        fake::set_current(*domain.vcpu(hv::VcpuId{0}));
        const std::int64_t result =
            fake::hypercall(hv::do_memory_op, static_cast<std::uint64_t>(hv::abi::xen::MemoryCommand::Exchange),
                            fake::address(request));
        fake::set_current(before);
        return result;
    }
    // Once, with the processor needed elsewhere all the time; tells how many extents are done.
    static std::uint64_t populate_once(hv::Domain& caller, std::uint64_t& command,
                                       hv::abi::xen::MemoryReservation& request) {
        hv::Vcpu& before = fake::running_on(hv::CpuId{0});
        fake::set_current(*caller.vcpu(hv::VcpuId{0}));
        fake::preempt_every(1);
        hv::HypercallArguments arguments{{command, fake::address(request), 0, 0, 0, 0}};
        const hv::HypercallResult result = hv::do_memory_op(arguments);
        fake::preempt_every(0);
        fake::set_current(before);
        command = arguments.value[0];
        return result ? static_cast<std::uint64_t>(*result) : command >> hv::abi::xen::kMemoryCommandBits;
    }
};

// A guest with much memory can map a frame as often as a frame may be: it goes with its domain all the same.
TEST_F(DomainMemory, AFrameWithTheMostReferencesIsRelinquished) {
    hv::Domain& guest = domain(10);
    hv::FrameInfo& info = hv::frame_info(fake::give_page(guest));
    constexpr std::uint64_t kMore = hv::FrameInfo::kMostReferences - 1;
    info.count.fetch_add(kMore);
    EXPECT_FALSE(hv::get_frame(hv::frame_number(info), guest.id).has_value());
    std::vector<hv::FrameInfo*> taken;
    while (hv::FrameInfo* frame = hv::take_for_relinquishing(guest)) taken.push_back(frame);
    EXPECT_EQ(std::count(taken.begin(), taken.end(), &info), 1);
    for (hv::FrameInfo* frame : taken) {
        hv::put_back_for_relinquishing(guest, *frame);
        hv::put_frame(*frame);
    }
    info.count.fetch_sub(kMore);
}

// For a guest's own calls and for Dom0's: no extent is so large that the processor is long away for it, and between two
// of them it is free.
TEST_F(DomainMemory, LittleIsDoneWithoutALook) {
    hv::Domain& guest = domain(100'000);
    for (hv::Domain* caller : {&guest, &fake::dom0()}) {
        const std::uint64_t most = caller->privileged ? 1024 : 512;
        for (unsigned order = 0; order <= hv::kMaxOrder; ++order) {
            std::vector<std::uint64_t> extents{0, std::uint64_t{1} << order};
            hv::abi::xen::MemoryReservation request{};
            request.extent_start = reinterpret_cast<std::uintptr_t>(extents.data());
            request.nr_extents = extents.size();
            request.extent_order = order;
            request.domid = guest.id.raw;
            auto command = static_cast<std::uint64_t>(hv::abi::xen::MemoryCommand::PopulatePhysmap);
            const std::uint64_t frames = guest.frames;
            const std::uint64_t done = populate_once(*caller, command, request);
            EXPECT_LE(guest.frames - frames, most);
            EXPECT_EQ(done, std::uint64_t{1} << order <= most ? 1u : 0u) << order;
            EXPECT_EQ(guest.frames - frames, done << order);
        }
    }
}

TEST_F(DomainMemory, TheMaximumHolds) {
    hv::Domain& domain = this->domain(10);
    EXPECT_TRUE(hv::allocate_domain_frames(domain, 3).has_value());
    EXPECT_EQ(hv::allocate_domain_frames(domain, 2).error(), Error::NoSpace);
    EXPECT_TRUE(hv::allocate_domain_frames(domain, 1).has_value());
    EXPECT_EQ(hv::allocate_domain_frames(domain, 0).error(), Error::NoSpace);
    EXPECT_EQ(domain.frames, 10u);
    EXPECT_EQ(hv::allocate_domain_frames(domain, hv::kMaxOrder + 1).error(), Error::NoMemory);
}

TEST_F(DomainMemory, ADyingDomainGetsNothing) {
    hv::Domain& domain = this->domain(10);
    domain.dying = hv::Dying::Dying;
    EXPECT_FALSE(hv::allocate_domain_frames(domain, 0).has_value());
    // A promise made now would be kept for ever, and to no use.
    EXPECT_EQ(hv::set_claim(domain, 5).error(), Error::NoDomain);
    EXPECT_TRUE(hv::set_claim(domain, 0).has_value());
    domain.dying = hv::Dying::Alive;
}

TEST_F(DomainMemory, FramesAreGivenUpOnce) {
    hv::Domain& domain = this->domain(10);
    const Mfn frame = fake::give_page(domain);
    hv::set_m2p(frame, 5);
    hv::FrameInfo& info = hv::frame_info(frame);
    ASSERT_TRUE(hv::get_frame(frame, domain.id).has_value());
    EXPECT_TRUE(hv::release_frame(info));
    EXPECT_FALSE(hv::release_frame(info));
    EXPECT_EQ(domain.frames, 1u);  // there is still a reference
    EXPECT_EQ(hv::m2p(frame), 5u);
    hv::put_frame(info);
    EXPECT_EQ(domain.frames, 0u);
    EXPECT_EQ(hv::m2p(frame), hv::kInvalidM2pEntry);
    EXPECT_FALSE(hv::get_frame(frame, domain.id).has_value());
}

TEST_F(DomainMemory, ListsStayWhole) {
    hv::Domain& domain = this->domain(100);
    std::vector<Mfn> frames;
    for (int i = 0; i < 50; ++i) frames.push_back(fake::give_page(domain));
    for (const std::size_t index : {0u, 49u, 25u, 24u, 1u, 48u}) hv::release_frame(hv::frame_info(frames[index]));
    std::size_t listed = 0;
    for (std::uint32_t mfn = domain.first_frame; mfn; mfn = hv::frame_info(Mfn{mfn}).next) ++listed;
    EXPECT_EQ(listed, 44u);
    EXPECT_EQ(domain.frames, 44u);
}

TEST_F(DomainMemory, ClaimsKeepOthersOut) {
    hv::Domain& claimant = domain(100'000);
    hv::Domain& other = domain(100'000);
    const std::uint64_t free = hv::free_frame_count();
    EXPECT_EQ(hv::set_claim(claimant, free + 1).error(), Error::NoMemory);
    EXPECT_EQ(hv::set_claim(claimant, 100'001).error(), Error::BadArgument);
    ASSERT_TRUE(hv::set_claim(claimant, free - 3).has_value());
    EXPECT_EQ(hv::claimed_frame_count(), free - 3);
    EXPECT_EQ(hv::free_frame_count(), free);  // promised, not taken
    EXPECT_EQ(hv::set_claim(other, 4).error(), Error::NoMemory);
    EXPECT_FALSE(hv::allocate_domain_frames(other, 2).has_value());
    EXPECT_FALSE(hv::allocate_frames({.order = 2}).has_value());
    EXPECT_TRUE(hv::allocate_domain_frames(other, 1).has_value());
    ASSERT_TRUE(hv::allocate_domain_frames(claimant, 4).has_value());
    EXPECT_EQ(hv::claimed_frame_count(), free - 3 - 16);
    // A new claim replaces the old one; what it has counts.
    ASSERT_TRUE(hv::set_claim(claimant, 20).has_value());
    EXPECT_EQ(claimant.claimed_frames, 4u);
    ASSERT_TRUE(hv::allocate_domain_frames(claimant, 3).has_value());
    EXPECT_EQ(claimant.claimed_frames, 0u);  // used up, and more
    ASSERT_TRUE(hv::set_claim(claimant, 10).has_value());
    EXPECT_EQ(claimant.claimed_frames, 0u);
    ASSERT_TRUE(hv::set_claim(claimant, 30).has_value());
    EXPECT_EQ(hv::claimed_frame_count(), 6u);  // and goes with the domain
}

TEST_F(DomainMemory, SharedPagesAreNotCounted) {
    hv::Domain& domain = this->domain(10);
    const std::uint64_t bytes = domain.hv_bytes;
    hv::SharedPage page = *hv::SharedPage::allocate(domain);
    const Mfn frame = page.frame();
    EXPECT_EQ(domain.frames, 0u);
    EXPECT_EQ(domain.hv_bytes, bytes + hv::kPageSize);
    // The guest maps it, also writable; it has no other name for it, and nothing to give up.
    EXPECT_FALSE(hv::get_frame(frame, domain.id).has_value());
    EXPECT_FALSE(hv::release_frame(hv::frame_info(frame)));
    ASSERT_TRUE(hv::get_frame_to_map(frame, domain.id).has_value());
    ASSERT_TRUE(hv::get_frame_type(hv::frame_info(frame), hv::FrameType::Writable).has_value());
    EXPECT_FALSE(hv::get_frame_type(hv::frame_info(frame), hv::FrameType::L1, hv::Preemption::Allowed).has_value());
    const std::uint64_t free = hv::free_frame_count();
    page.free();
    EXPECT_EQ(domain.hv_bytes, bytes);
    EXPECT_EQ(hv::free_frame_count(), free);  // mapped still
    EXPECT_FALSE(hv::get_frame_to_map(frame, domain.id).has_value());
    hv::put_frame_and_type(hv::frame_info(frame));
    EXPECT_EQ(hv::free_frame_count(), free + 1);
}

TEST_F(DomainMemory, SharedPagesAreWithdrawnFromNobodysMappings) {
    hv::Domain& domain = this->domain(10);
    hv::SharedPage page = *hv::SharedPage::allocate(domain);
    const Mfn frame = page.frame();
    ASSERT_TRUE(hv::get_frame_to_map(frame, domain.id).has_value());
    EXPECT_FALSE(page.withdraw());
    EXPECT_EQ(hv::frame_info(frame).owner(), domain.id);
    hv::put_frame(hv::frame_info(frame));
    ASSERT_TRUE(page.withdraw());
    for (const hv::DomainId name : {domain.id, hv::kOwnerHv, hv::kOwnerIo})
        EXPECT_FALSE(hv::get_frame_to_map(frame, name).has_value());
    page.offer();
    ASSERT_TRUE(hv::get_frame_to_map(frame, domain.id).has_value());
    hv::put_frame(hv::frame_info(frame));
}

TEST_F(DomainMemory, SharedPagesGoWithTheirOneHolder) {
    hv::Domain& domain = this->domain(10);
    const std::uint64_t free = hv::free_frame_count();
    {
        hv::SharedPage page = *hv::SharedPage::allocate(domain);
        hv::SharedPage holder = std::move(page);
        EXPECT_FALSE(page);
        page = *hv::SharedPage::allocate(domain);
        EXPECT_EQ(hv::free_frame_count(), free - 2);
        page = std::move(holder);
        EXPECT_EQ(hv::free_frame_count(), free - 1);
    }
    EXPECT_EQ(hv::free_frame_count(), free);
}

TEST_F(DomainMemory, ExchangeGivesOneBlockForMany) {
    hv::Domain& domain = this->domain(100);
    std::vector<std::uint64_t> in;
    for (int i = 0; i < 8; ++i) in.push_back(fake::give_page(domain).raw);
    std::vector<std::uint64_t> out{40};
    ASSERT_EQ(exchange(domain, in, 0, reinterpret_cast<std::uintptr_t>(out.data()), 1, 3), 0);
    EXPECT_EQ(out[0] % 8, 0u);
    EXPECT_EQ(domain.frames, 8u);
    for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(hv::m2p(Mfn{out[0] + i}), 40 + i);
}

// The blocks that could not be told to the guest are not lost.
// Its maximum was lowered below what it owns: that stops growth, and takes nothing away.
TEST_F(DomainMemory, ExchangeGivesAsMuchAsItTakesWhateverTheMaximum) {
    hv::Domain& domain = this->domain(10);
    std::vector<std::uint64_t> in;
    for (int i = 0; i < 8; ++i) in.push_back(fake::give_page(domain).raw);
    const std::uint64_t owned = domain.frames;
    domain.max_frames = owned - 4;
    std::vector<std::uint64_t> out{0};
    ASSERT_EQ(exchange(domain, in, 0, reinterpret_cast<std::uintptr_t>(out.data()), 1, 3), 0);
    EXPECT_EQ(domain.frames, owned);
    EXPECT_EQ(domain.swaps, 0u);
    EXPECT_EQ(hv::allocate_domain_frames(domain, 0).error(), Error::NoSpace);
}

// A frame that is given up while there are references to it still counts as the domain's, and the domain gets no other
// for it on top.
TEST_F(DomainMemory, ASwapIsNoGrowth) {
    hv::Domain& domain = this->domain(10);
    const Mfn held = fake::give_page(domain);
    domain.max_frames = domain.frames - 1;
    hv::FrameInfo* reference = hv::get_frame(held, domain.id).value();
    const std::uint64_t owned = domain.frames;
    const Mfn fresh = hv::allocate_frames({.order = 0}).value();
    {
        const hv::FrameSwap swap{domain};
        ASSERT_TRUE(hv::release_frame(hv::frame_info(held)));
        EXPECT_EQ(domain.frames, owned);
        EXPECT_EQ(hv::assign_frames(domain, fresh, 1).error(), Error::NoSpace);
        hv::put_frame(*reference);
        EXPECT_TRUE(hv::assign_frames(domain, fresh, 1).has_value());
        EXPECT_EQ(domain.frames, owned);
    }
    ASSERT_TRUE(hv::release_frame(hv::frame_info(fresh)));
}

TEST_F(DomainMemory, ExchangeWithAnUnreadableListLosesNothing) {
    for (int round = 0; round < 4; ++round) {
        hv::Domain& domain = this->domain(2000);
        const auto block = hv::allocate_domain_frames(domain, 9);
        ASSERT_TRUE(block.has_value());
        std::vector<std::uint64_t> in{block->raw};
        EXPECT_EQ(exchange(domain, in, 9, std::uint64_t{0xdead} << 48, 512, 0), -14);
        EXPECT_EQ(domain.frames, 1u);
        ASSERT_TRUE(fake::destroy(domain));
        EXPECT_EQ(hv::free_frame_count(), free_before);
    }
}

// A look-up of a domain that is going finds it whole or not at all; with the last reference goes its memory.
TEST_F(DomainMemory, LookupsWhileDomainsComeAndGo) {
    constexpr hv::DomainId kNumber{77};
    std::atomic<bool> ended{false};
    const auto look = [&](hv::CpuId cpu) {
        fake::on_cpu(cpu);
        while (!ended) {
            const auto found = hv::find_domain(kNumber);
            EXPECT_EQ(found ? (*found)->id : kNumber, kNumber);
            const hv::DomainRef next = hv::next_domain(hv::DomainId{1});
            EXPECT_EQ(next ? next->id : kNumber, kNumber);
        }
    };
    std::thread first{look, hv::CpuId{1}}, second{look, hv::CpuId{2}};
    for (int round = 0; round < 200; ++round) {
        hv::abi::control::CreateDomain config{};
        config.domain = kNumber.raw;
        config.max_vcpus = 1;
        config.max_frames = 1;
        hv::Domain& domain = fake::make_domain(config);
        EXPECT_TRUE(hv::allocate_domain_frames(domain, 0).has_value());
        EXPECT_TRUE(fake::destroy(domain));
    }
    ended = true;
    first.join();
    second.join();
}

}  // namespace
