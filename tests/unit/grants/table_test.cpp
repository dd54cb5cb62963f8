#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "hv/abi/xen/memory.hpp"
#include "hv/domain/grant/table.hpp"
#include "hv/memory/allocator.hpp"
#include "tests/unit/grants/guest.hpp"

namespace guest {
namespace {

TEST_F(Grants, SizesAndLimits) {
    GnttabQuerySize size{};
    size.domid = kDomidSelf;
    EXPECT_EQ(call(*user, GrantCommand::QuerySize, &size), 0);
    EXPECT_EQ(size.nr_frames, 1u);
    EXPECT_EQ(size.max_nr_frames, 64u);
    size.domid = granter->id.raw;
    EXPECT_EQ(call(*user, GrantCommand::QuerySize, &size), 0);
    EXPECT_EQ(size.status, code(GrantResult::PermissionDenied));
    EXPECT_EQ(call(fake::dom0(), GrantCommand::QuerySize, &size), 0);
    EXPECT_EQ(size.status, 0);

    std::uint64_t list[65] = {};
    GnttabSetupTable setup{};
    setup.domid = kDomidSelf;
    setup.frame_list = reinterpret_cast<std::uintptr_t>(list);
    for (const std::uint32_t bad : {65u, ~0u}) {
        setup.nr_frames = bad;
        EXPECT_EQ(call(*user, GrantCommand::SetupTable, &setup), 0);
        EXPECT_EQ(setup.status, code(GrantResult::GeneralError));
    }
    setup.nr_frames = 64;
    EXPECT_EQ(call(*user, GrantCommand::SetupTable, &setup), 0);
    EXPECT_EQ(setup.status, 0);
    for (unsigned i = 0; i < 64; ++i) {
        EXPECT_EQ(hv::frame_info(hv::Mfn{list[i]}).owner(), user->id);
        EXPECT_EQ(hv::grant_frame(*user, i, false).value(), hv::Mfn{list[i]});
    }
    EXPECT_EQ(hv::grant_frame(*user, 64, false).error(), hv::Error::BadArgument);
    EXPECT_EQ(hv::grant_frame(*user, 0, true).error(), hv::Error::BadArgument);  // version 1
    setup.frame_list = 8;
    EXPECT_EQ(call(*user, GrantCommand::SetupTable, &setup), 0);
    EXPECT_EQ(setup.status, code(GrantResult::BadVirtAddr));
    EXPECT_EQ(call(*user, GrantCommand::SetupTable, &setup, 2), -kEINVAL);
}

TEST_F(Grants, VersionsKeepTheReservedEntries) {
    ASSERT_TRUE(granter->grants.seed(hv::DomainId{0}, hv::Gfn{frame.raw}, hv::Gfn{0}));
    EXPECT_EQ(v1[kGrantReservedConsole].frame, frame.raw);
    EXPECT_EQ(v1[kGrantReservedXenstore].flags, 0);
    GnttabMapGrantRef console{};
    console.host_addr = 0x1000;
    console.flags = kGntmapHostMap;
    console.ref = kGrantReservedConsole;
    console.domid = granter->id.raw;
    EXPECT_EQ(call(fake::dom0(), GrantCommand::MapGrantRef, &console), 0);
    ASSERT_EQ(console.status, 0);

    GnttabSetVersion set{.version = 2};
    EXPECT_EQ(call(*granter, GrantCommand::SetVersion, &set), 0);
    EXPECT_EQ(set.version, 2u);
    const auto* v2 = reinterpret_cast<GrantEntryV2*>(v1);
    EXPECT_EQ(v2[0].full_page.frame, frame.raw);
    EXPECT_EQ(v2[0].header.flags, kGtfPermitAccess);
    std::uint64_t list[1] = {};
    GnttabGetStatusFrames status{
        .nr_frames = 1, .domid = kDomidSelf, .status = 0, .frame_list = reinterpret_cast<std::uintptr_t>(list)};
    EXPECT_EQ(call(*granter, GrantCommand::GetStatusFrames, &status), 0);
    ASSERT_EQ(status.status, 0);
    const auto* marks = static_cast<GrantStatus*>(fake::page(hv::Mfn{list[0]}));
    EXPECT_EQ(marks[0], kGtfReading | kGtfWriting);
    EXPECT_EQ(hv::grant_frame(*granter, 0, true).value().raw, list[0]);

    GnttabUnmapGrantRef end{};
    end.host_addr = console.host_addr;
    end.handle = console.handle;
    EXPECT_EQ(call(fake::dom0(), GrantCommand::UnmapGrantRef, &end), 0);
    EXPECT_EQ(end.status, 0);
    EXPECT_EQ(marks[0], 0);

    set.version = 1;
    EXPECT_EQ(call(*granter, GrantCommand::SetVersion, &set), 0);
    EXPECT_EQ(v1[0].frame, frame.raw);
    status.nr_frames = 1;
    EXPECT_EQ(call(*granter, GrantCommand::GetStatusFrames, &status), 0);
    EXPECT_EQ(status.status, code(GrantResult::GeneralError));
}

// One try of an operation with a single structure, preempted at the first chance.
template <class Op>
hv::HypercallResult try_once(hv::Domain& domain, GrantCommand command, Op& op) {
    hv::Vcpu& before = fake::running_on(hv::current_cpu());
    fake::set_current(*domain.vcpu(hv::VcpuId{0}));
    fake::preempt_every(1);
    hv::HypercallArguments arguments{{static_cast<std::uint64_t>(command), fake::address(op), 1, 0, 0, 0}};
    const hv::HypercallResult result = hv::do_grant_table_op(arguments);
    fake::preempt_every(0);
    fake::set_current(before);
    return result;
}

TEST_F(Grants, ATableGrowsInPieces) {
    std::uint64_t list[64] = {};
    GnttabSetupTable setup{};
    setup.domid = kDomidSelf;
    setup.nr_frames = 64;
    setup.frame_list = reinterpret_cast<std::uintptr_t>(list);
    const hv::HypercallResult first = try_once(*user, GrantCommand::SetupTable, setup);
    ASSERT_FALSE(first.has_value());
    EXPECT_EQ(first.error(), hv::Error::Restart);
    EXPECT_LT(user->grants.frame_count(), 64u);
    unsigned tries = 0;
    while (!try_once(*user, GrantCommand::SetupTable, setup) && tries < 100) ++tries;
    EXPECT_LT(tries, 100u);
    EXPECT_EQ(setup.status, 0);
    EXPECT_EQ(user->grants.frame_count(), 64u);
    EXPECT_EQ(hv::grant_frame(*user, 63, false).value().raw, list[63]);
}

// Dom0 may ask for the last page of a table that was not used yet.
TEST_F(Grants, ATableThatDom0AsksForGrowsInPieces) {
    std::uint64_t list[4] = {};
    AcquireResource request{};
    request.domid = user->id.raw;
    request.type = static_cast<std::uint16_t>(ResourceType::GrantTable);
    request.id = kResourceGrantTableShared;
    request.nr_frames = 4;
    request.frame = 60;
    request.frame_list = reinterpret_cast<std::uintptr_t>(list);
    hv::Vcpu& before = fake::running_on(hv::CpuId{0});
    fake::set_current(*fake::dom0().vcpu(hv::VcpuId{0}));
    hv::HypercallArguments arguments{
        {static_cast<std::uint64_t>(MemoryCommand::AcquireResource), fake::address(request), 0, 0, 0, 0}};
    fake::preempt_every(1);
    unsigned tries = 1;
    hv::HypercallResult result;
    while (!(result = hv::do_memory_op(arguments)) && result.error() == hv::Error::Restart && tries < 1000) ++tries;
    fake::preempt_every(0);
    fake::set_current(before);
    ASSERT_TRUE(result.has_value());
    EXPECT_GE(tries, 64u);
    for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(list[i], hv::grant_frame(*user, 60 + i, false).value().raw);
}

TEST_F(Grants, ATableAndAMaptrackGoInPieces) {
    constexpr unsigned kPages = 20;
    ASSERT_TRUE(user->grants.grow(kPages));
    hv::Maptrack& maptrack = user->grants.maptrack;
    for (std::uint32_t i = 0; i < kPages * hv::Maptrack::kPerPage; ++i) ASSERT_TRUE(maptrack.take(hv::VcpuId{0}));
    const auto tries_of = [](auto work) {
        unsigned tries = 1;
        while (!work() && tries < 1000) ++tries;
        return tries;
    };
    fake::preempt_every(1);
    EXPECT_EQ(tries_of([&] { return maptrack.release().has_value(); }), kPages);
    EXPECT_GE(tries_of([&] { return user->grants.release_pages().has_value(); }), kPages);
    EXPECT_EQ(maptrack.capacity(), 0u);
}

// Until all pages of the old version are cleared, what is on the others is no entry.
TEST_F(Grants, TheVersionChangesInPieces) {
    constexpr unsigned kPages = 8;
    constexpr Gref kLast = kPages * 4096 / sizeof(GrantEntryV2) - 1;
    ASSERT_TRUE(granter->grants.grow(kPages));
    void* pages[kPages];
    for (unsigned i = 0; i < kPages; ++i) {
        pages[i] = fake::page(hv::grant_frame(*granter, i, false).value());
        if (i != 0) std::memset(pages[i], 0x11, 4096);
    }
    GnttabSetVersion set{.version = 2};
    for (unsigned tries = 0; granter->grants.version() == 1 && tries < 100; ++tries) {
        const hv::HypercallResult once = try_once(*granter, GrantCommand::SetVersion, set);
        ASSERT_FALSE(once.has_value());
        EXPECT_EQ(once.error(), hv::Error::Restart);
    }
    EXPECT_EQ(set.version, 2u);
    EXPECT_EQ(map(*user, kLast, 1).status, code(GrantResult::BadGntref));
    EXPECT_FALSE(granter->grants.grow(kPages + 1));
    // It is finished first, whatever is asked for then.
    set.version = 1;
    unsigned tries = 0;
    while (!try_once(*granter, GrantCommand::SetVersion, set) && tries < 100) ++tries;
    EXPECT_LT(tries, 100u);
    EXPECT_EQ(set.version, 1u);
    EXPECT_EQ(granter->grants.version(), 1u);
    for (const void* page : pages)
        EXPECT_EQ(std::count(static_cast<const char*>(page), static_cast<const char*>(page) + 4096, 0), 4096);
    EXPECT_EQ(map(*user, kLast, 1).status, code(GrantResult::GeneralError));
    EXPECT_TRUE(granter->grants.grow(kPages + 1));
}

// Back ends wait for the table's lock: a guest that changes versions all the time has it for one page's work at a time,
// and hv's pages do not come and go.
TEST_F(Grants, NobodyWaitsForAWholeChangeOfVersion) {
    constexpr unsigned kPages = 8;
    ASSERT_TRUE(granter->grants.grow(kPages));
    ASSERT_TRUE(granter->grants.set_version(2));
    const std::uint64_t free = hv::free_frame_count();
    for (const std::uint32_t version : {1u, 2u, 1u, 2u}) {
        unsigned looks = 0;
        fake::preempt_as([&] {
            ++looks;
            EXPECT_EQ(granter->grants.version(), version);  // takes the lock
            return false;
        });
        EXPECT_TRUE(granter->grants.set_version(version));
        fake::preempt_every(0);
        EXPECT_GE(looks, kPages - 1);
        EXPECT_EQ(hv::free_frame_count(), free);
        EXPECT_EQ(granter->grants.status_frame_count(), version == 2 ? 1u : 0u);
    }
}

TEST_F(Grants, VersionsChangeWhileOthersUseTheTable) {
    ASSERT_TRUE(granter->grants.grow(4));
    const auto change = [this](std::uint32_t cpu) {
        fake::on_cpu(hv::CpuId{cpu});
        for (std::uint32_t i = 0; i < 500; ++i) {
            const hv::Result<> changed = granter->grants.set_version(1 + i % 2);
            EXPECT_TRUE(changed || changed.error() == hv::Error::Restart || changed.error() == hv::Error::Busy);
        }
    };
    fake::preempt_every(3);
    std::thread one{change, 1}, two{change, 2};
    for (std::uint32_t i = 0; i < 2000; ++i) {
        grant(9, *user);
        if (granter->grants.pin_for_map(hv::GrantRef{9}, user->id, false, true, false))
            granter->grants.unpin(hv::GrantRef{9}, user->id, hv::GrantUse::HostWrite);
    }
    one.join();
    two.join();
    fake::preempt_every(0);
    EXPECT_TRUE(granter->grants.set_version(1));
    grant(9, *user);
    const auto op = map(*user, 9, 1);
    EXPECT_EQ(op.status, 0);
    EXPECT_EQ(unmap(*user, op.handle, 1), 0);
}

TEST_F(Grants, TablesHaveALimit) {
    hv::abi::control::CreateDomain config{};
    config.domain = hv::abi::control::kDomainAny;
    config.max_vcpus = 1;
    config.max_frames = 1;
    config.max_grant_frames = 1025;
    EXPECT_EQ(hv::Domain::create(config, false).error(), hv::Error::BadArgument);
    config.max_grant_frames = 1024;
    hv::Domain& large = fake::make_domain(config);
    EXPECT_EQ(large.grants.max_frames(), 1024u);
    ASSERT_TRUE(large.grants.grow(1024).has_value());
    EXPECT_TRUE(large.grants.set_version(2).has_value());
    EXPECT_EQ(large.grants.grow(1025).error(), hv::Error::BadArgument);
}

TEST_F(Grants, VersionRefused) {
    grant(9, *user);
    const auto op = map(*user, 9, 1);
    GnttabSetVersion set{.version = 2};
    EXPECT_EQ(call(*granter, GrantCommand::SetVersion, &set), -kEBUSY);
    EXPECT_EQ(set.version, 1u);
    EXPECT_EQ(unmap(*user, op.handle, 1), 0);
    for (const std::uint32_t bad : {0u, 3u, ~0u}) {
        set.version = bad;
        EXPECT_EQ(call(*granter, GrantCommand::SetVersion, &set), -kEINVAL);
    }
    hv::abi::control::CreateDomain config{};
    config.domain = hv::abi::control::kDomainAny;
    config.max_vcpus = 1;
    config.max_grant_version = 1;
    hv::Domain& old = fake::make_domain(config);
    set.version = 2;
    EXPECT_EQ(call(old, GrantCommand::SetVersion, &set), -kENOSYS);
    GnttabGetVersion get{.domid = kDomidSelf, .pad = 0, .version = 0};
    EXPECT_EQ(call(old, GrantCommand::GetVersion, &get), 0);
    EXPECT_EQ(get.version, 1u);
    get.domid = granter->id.raw;
    EXPECT_EQ(call(old, GrantCommand::GetVersion, &get), -kEPERM);
}

TEST_F(Grants, SwapTransferAndTheRest) {
    grant(9, *user);
    const auto op = map(*user, 9, 1);
    GnttabSwapGrantRef swap{.ref_a = 9, .ref_b = 10, .status = 0, .pad = 0};
    EXPECT_EQ(call(*granter, GrantCommand::SwapGrantRef, &swap), 0);
    EXPECT_EQ(swap.status, code(GrantResult::Eagain));
    EXPECT_EQ(unmap(*user, op.handle, 1), 0);
    EXPECT_EQ(call(*granter, GrantCommand::SwapGrantRef, &swap), 0);
    EXPECT_EQ(swap.status, 0);
    EXPECT_EQ(v1[10].frame, frame.raw);
    swap.ref_b = 5000;
    EXPECT_EQ(call(*granter, GrantCommand::SwapGrantRef, &swap), 0);
    EXPECT_EQ(swap.status, code(GrantResult::BadGntref));
    GnttabTransfer transfer{};
    transfer.mfn = frame.raw;
    transfer.domid = user->id.raw;
    EXPECT_EQ(call(*granter, GrantCommand::Transfer, &transfer), 0);
    EXPECT_EQ(transfer.status, code(GrantResult::GeneralError));
    EXPECT_EQ(info().owner(), granter->id);
    GnttabCacheFlush flush{};
    EXPECT_EQ(call(*granter, GrantCommand::CacheFlush, &flush), -kENOSYS);
    EXPECT_EQ(call(*granter, static_cast<GrantCommand>(99), &flush), -kENOSYS);
}

// The granting guest changes its entries all the time while two CPUs map, copy and unmap.
TEST_F(Grants, HostileEntries) {
    std::atomic<bool> stop{false};
    std::thread scribbler{[&] {
        std::uint32_t seed = 1;
        while (!stop) {
            seed = seed * 1664525 + 1013904223;
            auto& entry = v1[8 + seed % 4];
            std::atomic_ref{*reinterpret_cast<std::uint32_t*>(&entry)}.store(
                seed & 0x100 ? (std::uint32_t{user->id.raw} << 16 | kGtfPermitAccess | (seed & kGtfReadonly)) : seed);
            std::atomic_ref{entry.frame}.store(seed & 0x200 ? static_cast<std::uint32_t>(frame.raw) : seed);
        }
    }};
    std::vector<std::thread> users;
    for (hv::CpuId cpu{1}; cpu.raw < 3; ++cpu) {
        users.emplace_back([&, cpu] {
            fake::on_cpu(cpu);
            for (unsigned i = 0; i < 5000; ++i) {
                const std::uint32_t flags =
                    kGntmapHostMap | (i % 2 ? kGntmapReadonly : 0u) | (i % 3 ? 0u : kGntmapDeviceMap);
                const auto op = map(*user, 8 + i % 4, cpu.raw * 8 + i % 8, flags);
                if (op.status == 0) {
                    EXPECT_EQ(
                        unmap(*user, op.handle, cpu.raw * 8 + i % 8, flags & kGntmapDeviceMap ? op.dev_bus_addr : 0),
                        0);
                }
            }
        });
    }
    for (std::thread& thread : users) thread.join();
    stop = true;
    scribbler.join();
    EXPECT_EQ(info().references(), 1u);
    EXPECT_EQ(info().type_count(), 0u);
    EXPECT_TRUE(fake::destroy(*user));
    EXPECT_TRUE(fake::destroy(*granter));
}

}  // namespace
}  // namespace guest
