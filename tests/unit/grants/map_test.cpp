#include <vector>

#include "tests/unit/grants/guest.hpp"

namespace guest {
namespace {

TEST_F(Grants, MapAndUnmap) {
    grant(9, *user);
    const auto op = map(*user, 9, 1);
    ASSERT_EQ(op.status, 0);
    EXPECT_EQ(op.dev_bus_addr, frame.raw << 12);
    ASSERT_TRUE(fake::mapping_at(place(*user, 1)));
    EXPECT_EQ(fake::mapping_at(place(*user, 1))->frame, frame);
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess | kGtfReading | kGtfWriting);
    EXPECT_EQ(info().references(), 2u);
    EXPECT_EQ(info().frame_type(), hv::FrameType::Writable);
    EXPECT_EQ(info().type_count(), 1u);
    EXPECT_EQ(unmap(*user, op.handle, 1), 0);
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess);
    EXPECT_EQ(info().references(), 1u);
    EXPECT_EQ(info().type_count(), 0u);
    EXPECT_EQ(unmap(*user, op.handle, 1), code(GrantResult::BadHandle));
}

TEST_F(Grants, ReadersAndWritersAreCounted) {
    grant(9, *user);
    const auto reader = map(*user, 9, 1, kGntmapHostMap | kGntmapReadonly);
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess | kGtfReading);
    EXPECT_EQ(info().type_count(), 0u);
    const auto writer = map(*user, 9, 2, kGntmapHostMap | kGntmapDeviceMap);
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess | kGtfReading | kGtfWriting);
    EXPECT_EQ(info().references(), 4u);
    EXPECT_EQ(info().type_count(), 2u);
    EXPECT_EQ(unmap(*user, writer.handle, 2), 0);
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess | kGtfReading | kGtfWriting);  // the device still writes
    GnttabUnmapGrantRef device{};
    device.dev_bus_addr = 4096;
    device.handle = writer.handle;
    EXPECT_EQ(call(*user, GrantCommand::UnmapGrantRef, &device), 0);
    EXPECT_EQ(device.status, code(GrantResult::BadDevAddr));
    device.dev_bus_addr = writer.dev_bus_addr;
    EXPECT_EQ(call(*user, GrantCommand::UnmapGrantRef, &device), 0);
    EXPECT_EQ(device.status, 0);
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess | kGtfReading);
    EXPECT_EQ(unmap(*user, reader.handle, 1), 0);
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess);
    EXPECT_EQ(info().references(), 1u);
}

TEST_F(Grants, RefusedMaps) {
    grant(9, *user, true);
    EXPECT_EQ(map(*user, 9, 1).status, code(GrantResult::GeneralError));   // read-only
    EXPECT_EQ(map(*other, 9, 1).status, code(GrantResult::GeneralError));  // not theirs
    EXPECT_EQ(map(*user, 10, 1).status, code(GrantResult::GeneralError));  // not granted
    EXPECT_EQ(map(*user, 512, 1).status, code(GrantResult::BadGntref));
    EXPECT_EQ(map(*user, ~0u, 1).status, code(GrantResult::BadGntref));
    EXPECT_EQ(map(*user, 9, 1, 0).status, code(GrantResult::GeneralError));
    for (const std::uint16_t domid :
         {std::uint16_t{3999}, std::uint16_t{kDomidSelf}, std::uint16_t{kDomidXen}, std::uint16_t{0xffff}}) {
        GnttabMapGrantRef op{};
        op.flags = kGntmapHostMap;
        op.domid = domid;
        EXPECT_EQ(call(*user, GrantCommand::MapGrantRef, &op), 0);
        EXPECT_EQ(op.status, code(GrantResult::BadDomain));
    }
    for (const std::uint32_t bad : {0xffff'ffffu, 0u, 7u, static_cast<std::uint32_t>(fake::give_page(*other).raw)}) {
        v1[9] = {.flags = kGtfPermitAccess, .domid = user->id.raw, .frame = bad};
        EXPECT_LT(map(*user, 9, 1).status, 0);
        EXPECT_EQ(v1[9].flags, kGtfPermitAccess);
    }
    grant(9, *user);
    ASSERT_TRUE(hv::get_frame_type(info(), hv::FrameType::L1, hv::Preemption::Allowed));  // a page table now
    EXPECT_EQ(map(*user, 9, 1).status, code(GrantResult::GeneralError));
    EXPECT_EQ(map(*user, 9, 1, kGntmapHostMap | kGntmapDeviceMap).status, code(GrantResult::GeneralError));
    ASSERT_TRUE(hv::put_frame_type_preemptible(info()));
    fake::refuse_mappings(true);
    EXPECT_EQ(map(*user, 9, 1).status, code(GrantResult::GeneralError));
    EXPECT_EQ(map(*user, 9, 1, kGntmapHostMap | kGntmapDeviceMap).status, code(GrantResult::GeneralError));
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess);
    EXPECT_EQ(info().references(), 1u);
    EXPECT_EQ(info().type_count(), 0u);
}

TEST_F(Grants, RefusedUnmaps) {
    grant(9, *user);
    const auto op = map(*user, 9, 1);
    EXPECT_EQ(unmap(*user, op.handle + 1, 1), code(GrantResult::BadHandle));
    EXPECT_EQ(unmap(*user, ~0u, 1), code(GrantResult::BadHandle));
    EXPECT_EQ(unmap(*other, op.handle, 1), code(GrantResult::BadHandle));
    EXPECT_EQ(unmap(*user, op.handle, 7), code(GrantResult::GeneralError));  // not where it is mapped
    EXPECT_EQ(info().references(), 2u);
    EXPECT_EQ(unmap(*user, op.handle, 1), 0);
}

TEST_F(Grants, UnmapAndReplace) {
    grant(9, *user);
    const auto first = map(*user, 9, 1);
    const auto second = map(*user, 9, 2, kGntmapHostMap | kGntmapReadonly);
    GnttabUnmapAndReplace op{};
    op.host_addr = place(*user, 1);
    op.new_addr = place(*user, 2);
    op.handle = first.handle;
    EXPECT_EQ(call(*user, GrantCommand::UnmapAndReplace, &op), 0);
    EXPECT_EQ(op.status, 0);
    EXPECT_FALSE(fake::mapping_at(place(*user, 2)));
    EXPECT_TRUE(fake::mapping_at(place(*user, 1))->readonly);
    EXPECT_EQ(unmap(*user, second.handle, 1), 0);
    EXPECT_EQ(info().references(), 1u);
}

TEST_F(Grants, BatchesArePreemptibleAndFlushOnce) {
    grant(9, *user);
    std::vector<GnttabMapGrantRef> maps(100);
    for (unsigned i = 0; i < maps.size(); ++i) {
        maps[i].host_addr = place(*user, i);
        maps[i].flags = kGntmapHostMap;
        maps[i].ref = i == 50 ? 10 : 9;
        maps[i].domid = granter->id.raw;
    }
    fake::preempt_every(2);
    EXPECT_EQ(call(*user, GrantCommand::MapGrantRef, maps.data(), maps.size()), 0);
    std::vector<GnttabUnmapGrantRef> unmaps;
    for (unsigned i = 0; i < maps.size(); ++i) {
        EXPECT_EQ(maps[i].status == 0, i != 50);
        if (i != 50)
            unmaps.push_back(
                {.host_addr = maps[i].host_addr, .dev_bus_addr = 0, .handle = maps[i].handle, .status = 1, .pad = 0});
    }
    unmaps.push_back(unmaps.front());  // twice in one call
    EXPECT_EQ(info().references(), 100u);
    const std::uint64_t flushes = fake::grant_flushes();
    EXPECT_EQ(call(*user, GrantCommand::UnmapGrantRef, unmaps.data(), unmaps.size()), 0);
    EXPECT_EQ(fake::grant_flushes() - flushes, 4u);
    EXPECT_EQ(unmaps.back().status, code(GrantResult::BadHandle));
    EXPECT_EQ(info().references(), 1u);
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess);

    EXPECT_EQ(call(*user, GrantCommand::MapGrantRef, maps.data(), std::uint64_t{1} << 31), -kEINVAL);
    EXPECT_EQ(call(*user, GrantCommand::MapGrantRef, static_cast<GnttabMapGrantRef*>(nullptr), 5), -kEFAULT);
    EXPECT_EQ(call(*user, GrantCommand::UnmapGrantRef, static_cast<GnttabUnmapGrantRef*>(nullptr), 5), -kEFAULT);
    EXPECT_EQ(call(*user, GrantCommand::MapGrantRef, maps.data(), 0), 0);
}

TEST_F(Grants, MaptrackLimit) {
    hv::abi::control::CreateDomain config{};
    config.domain = hv::abi::control::kDomainAny;
    config.max_vcpus = 2;
    config.max_frames = 100;
    config.max_maptrack_frames = 1;
    hv::Domain& small = fake::make_domain(config);
    grant(9, small);
    std::vector<GrantHandle> handles;
    for (unsigned i = 0; i < hv::Maptrack::kPerPage; ++i) {
        const auto op = map(small, 9, i);
        ASSERT_EQ(op.status, 0);
        handles.push_back(op.handle);
    }
    EXPECT_EQ(map(small, 9, 5000).status, code(GrantResult::NoDeviceSpace));
    EXPECT_EQ(unmap(small, handles[3], 3), 0);
    // Another vCPU finds what the first one gave back.
    EXPECT_EQ(small.grants.maptrack.take(hv::VcpuId{1}).value(), handles[3]);
}

TEST_F(Grants, UserDiesWithMappings) {
    grant(9, *user);
    fake::preempt_every(1);
    for (unsigned i = 0; i < 300; ++i)
        ASSERT_EQ(map(*user, 9, i, kGntmapHostMap | (i % 3 ? 0 : kGntmapDeviceMap)).status, 0);
    EXPECT_TRUE(fake::destroy(*user));
    EXPECT_EQ(info().references(), 1u);
    EXPECT_EQ(info().type_count(), 0u);
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess);
}

TEST_F(Grants, GranterDiesWhileMapped) {
    grant(9, *user);
    const auto op = map(*user, 9, 1);
    ASSERT_EQ(op.status, 0);
    EXPECT_FALSE(fake::destroy(*granter));  // its frame is still in use
    EXPECT_EQ(map(*user, 9, 2).status, code(GrantResult::GeneralError));
    EXPECT_EQ(unmap(*user, op.handle, 1), 0);
    EXPECT_TRUE(fake::destroy(*granter));
}

// The guest destroyed the mapping by itself; the handle stays, and leads nowhere.
TEST_F(Grants, OverwrittenMapping) {
    grant(9, *user);
    const auto op = map(*user, 9, 1);
    fake::guest_overwrites(place(*user, 1));
    EXPECT_EQ(info().references(), 1u);
    EXPECT_EQ(unmap(*user, op.handle, 1), code(GrantResult::GeneralError));
    EXPECT_TRUE(fake::destroy(*granter));
    EXPECT_EQ(unmap(*user, op.handle, 1), code(GrantResult::BadDomain));
    EXPECT_TRUE(fake::destroy(*user));
}

}  // namespace
}  // namespace guest
