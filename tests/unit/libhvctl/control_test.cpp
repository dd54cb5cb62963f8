#include "hvctl/control.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "fake_hv.hpp"
#include "hv/abi/xen/errno.hpp"
#include "hvctl/xen_calls.hpp"
#include "image_maker.hpp"

namespace hvctl::test {
namespace {

namespace xen = hv::abi::xen;

class ControlTest : public testing::Test {
  protected:
    // Frames that the fake's CopyMemory accepts.
    std::vector<Mfn> give_frames(std::uint64_t count) {
        auto frames = XenCalls{hv_}.populate(DomainId{5}, Pfn{0}, count);
        EXPECT_TRUE(frames);
        return frames ? *frames : std::vector<Mfn>{};
    }

    void answer_all_with(std::int64_t result) {
        hv_.intercept = [result](std::uint64_t, std::uint64_t) { return result; };
    }

    FakeHv hv_;
    Control control_{hv_};
};

TEST_F(ControlTest, Version) {
    const auto version = control_.version();
    ASSERT_TRUE(version) << version.error().what();
    EXPECT_EQ(version->name, "hv");
    EXPECT_EQ(version->version, "0.1.0");
}

TEST_F(ControlTest, AnotherHypervisorIsNotHv) {
    answer_all_with(-xen::kENOSYS);
    const auto version = control_.version();
    ASSERT_FALSE(version);
    EXPECT_EQ(version.error().code(), ErrorCode::NotOnHv);
    EXPECT_TRUE(version.error().what().contains("another hypervisor")) << version.error().what();
}

TEST_F(ControlTest, ErrorsNameOperationAndDomain) {
    answer_all_with(-xen::kESRCH);
    const auto info = control_.domain(DomainId{7});
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().code(), ErrorCode::NotFound);
    EXPECT_TRUE(info.error().what().starts_with("cannot ask about domain 7: ")) << info.error().what();
    answer_all_with(-xen::kEAGAIN);
    EXPECT_EQ(control_.destroy_domain(DomainId{7}).error().code(), ErrorCode::TryAgain);
    answer_all_with(-xen::kEPERM);
    EXPECT_EQ(control_.pause_domain(DomainId{7}).error().code(), ErrorCode::NotPermitted);
    answer_all_with(-xen::kEBUSY);
    EXPECT_EQ(control_.set_uuid(DomainId{7}, Uuid{1}).error().what().find("cannot give domain 7 another UUID: "), 0u);
    answer_all_with(-xen::kENOMEM);
    EXPECT_EQ(control_.set_claim(DomainId{7}, 5).error().code(), ErrorCode::NoMemory);
}

TEST_F(ControlTest, ListsMoreDomainsThanOneCallHolds) {
    for (std::uint16_t id = 0; id < 300; ++id) {
        abi::DomainInfo info{};
        info.domain = static_cast<std::uint16_t>(id * 3);
        hv_.domains.push_back(info);
    }
    const auto domains = control_.list_domains();
    ASSERT_TRUE(domains) << domains.error().what();
    ASSERT_EQ(domains->size(), 300u);
    for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ((*domains)[i].domain, i * 3);
}

TEST_F(ControlTest, TextLongerThanTheFirstBuffer) {
    const auto text = control_.read_text(abi::Text::CommandLine);
    ASSERT_TRUE(text) << text.error().what();
    EXPECT_EQ(*text, std::string(5000, 'x'));
}

TEST_F(ControlTest, CopiesAcrossChunksAndFrames) {
    const auto frames = give_frames(400);
    for (const std::uint64_t offset : {0ull, 1ull, 4095ull, 4096ull, 77'777ull}) {
        for (const std::uint64_t length : {1ull, 4096ull, 524'288ull, 524'289ull, 1'500'000ull}) {
            const Bytes data = pattern(length, static_cast<std::uint32_t>(offset + length));
            ASSERT_TRUE(control_.copy_to_domain(DomainId{5}, frames, offset, data));
            EXPECT_EQ(hv_.read<std::byte>(frames[offset / 4096].raw, offset % 4096), data[0]);
            const std::uint64_t last = offset + length - 1;
            EXPECT_EQ(hv_.read<std::byte>(frames[last / 4096].raw, last % 4096), data[length - 1]);
            Bytes back(length);
            ASSERT_TRUE(control_.copy_from_domain(DomainId{5}, frames, offset, back));
            EXPECT_EQ(back, data);
        }
    }
    ASSERT_TRUE(control_.zero_memory(DomainId{5}, frames, 4090, 10));
    Bytes back(12);
    ASSERT_TRUE(control_.copy_from_domain(DomainId{5}, frames, 4089, back));
    EXPECT_EQ(std::ranges::count(back, std::byte{0}), 10);
}

TEST_F(ControlTest, CopyOutsideTheFramesIsRefusedHere) {
    const auto frames = give_frames(2);
    Bytes data(10);
    EXPECT_FALSE(control_.copy_to_domain(DomainId{5}, frames, 8183, data));
    EXPECT_FALSE(control_.copy_to_domain(DomainId{5}, frames, ~0ull, data));
    EXPECT_FALSE(control_.zero_memory(DomainId{5}, frames, 1, ~0ull));
    EXPECT_TRUE(control_.copy_to_domain(DomainId{5}, frames, 8182, data));
}

TEST_F(ControlTest, CopyErrorNamesTheFrame) {
    auto frames = give_frames(3);
    frames[2] = Mfn{0xdead};
    const auto result = control_.copy_to_domain(DomainId{5}, frames, 0, Bytes(3 * 4096));
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().what().starts_with("frame 0xdead: ")) << result.error().what();
}

TEST_F(ControlTest, AffinityBitmapsMustAgree) {
    EXPECT_EQ(control_.set_vcpu_affinity(DomainId{5}, VcpuId{0}, {{1, 2}, {1}}).error().code(),
              ErrorCode::InvalidArgument);
}

TEST_F(ControlTest, DebugKeysAreBounded) {
    EXPECT_FALSE(control_.send_debug_keys(""));
    EXPECT_FALSE(control_.send_debug_keys(std::string(65, 'h')));
}

TEST_F(ControlTest, MachineToPhysUpdates) {
    std::vector<MachineToPhys> updates;
    for (std::uint64_t i = 0; i < 3000; ++i) updates.push_back({Mfn{0x5000 + i}, Pfn{i * 2}});
    ASSERT_TRUE(XenCalls{hv_}.update_machine_to_phys(DomainId{5}, updates));
    EXPECT_EQ(hv_.m2p.size(), 3000u);
    EXPECT_EQ(hv_.m2p[0x5000 + 2999], 2999u * 2);
}

TEST(BufferPool, HandsBackWhatItGotBack) {
    BufferPool pool = BufferPool::ordinary();
    std::uint64_t address = 0;
    {
        const auto buffer = pool.take(5000);
        ASSERT_TRUE(buffer);
        EXPECT_EQ(buffer->bytes().size(), 8192u);
        address = buffer->address();
        EXPECT_EQ(address % kPageSize, 0u);
    }
    const auto again = pool.take(8192);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->address(), address);
    const auto other = pool.take(8192);
    ASSERT_TRUE(other);
    EXPECT_NE(other->address(), address);
}

TEST(BufferPool, SurvivesManyBuffers) {
    BufferPool pool = BufferPool::ordinary();
    std::vector<HypercallBuffer> buffers;
    for (std::size_t i = 0; i < 100; ++i) {
        auto buffer = pool.take(i * 10'000);
        ASSERT_TRUE(buffer);
        buffers.push_back(std::move(*buffer));
    }
    buffers.clear();
    EXPECT_TRUE(pool.take(1));
}

}  // namespace
}  // namespace hvctl::test
