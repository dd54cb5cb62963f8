// GetVcpuState: the records of any guest's, and the buffer that they go into.
#include "hv/control/vcpu_state.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "hv/control/operation.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/vcpu_timers.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace {

using hv::control::VcpuRecord;
using Kind = hv::control::VcpuRecordKind;

hv::GuestVirtual address_of(const void* buffer) {
    return hv::GuestVirtual{reinterpret_cast<std::uintptr_t>(buffer)};
}

TEST(VcpuStateWriter, RecordsBeginAtMultiplesOfEight) {
    std::vector<std::uint8_t> buffer(128, 0xee);
    hv::VcpuStateWriter state{address_of(buffer.data()), buffer.size()};
    state.add(Kind::PvIo, std::array<std::uint8_t, 3>{1, 2, 3});
    state.add(Kind::PvTables, std::uint64_t{7});
    ASSERT_TRUE(state.outcome());
    EXPECT_EQ(state.size(), 48u);
    VcpuRecord record;
    std::memcpy(&record, buffer.data(), sizeof record);
    EXPECT_EQ(record.kind, static_cast<std::uint32_t>(Kind::PvIo));
    EXPECT_EQ(record.version, hv::control::kVcpuRecordVersion);
    EXPECT_EQ(record.length, 3u);
    EXPECT_EQ(std::vector(buffer.begin() + 16, buffer.begin() + 24),
              (std::vector<std::uint8_t>{1, 2, 3, 0, 0, 0, 0, 0}));
    std::memcpy(&record, buffer.data() + 24, sizeof record);
    EXPECT_EQ(record.kind, static_cast<std::uint32_t>(Kind::PvTables));
    EXPECT_EQ(buffer[48], 0xee);
}

TEST(VcpuStateWriter, WhatHasNoRoomIsCountedAndNotWritten) {
    std::vector<std::uint8_t> buffer(40, 0xee);
    hv::VcpuStateWriter state{address_of(buffer.data()), 24};
    state.add(Kind::PvTables, std::uint64_t{7});
    EXPECT_TRUE(state.outcome());
    state.add(Kind::PvIo, std::uint64_t{8});
    EXPECT_EQ(state.outcome().error(), hv::Error::NoBuffer);
    EXPECT_EQ(state.size(), 48u);
    EXPECT_EQ(buffer[24], 0xee);
}

class VcpuState : public testing::Test {
  protected:
    void SetUp() override {
        fake::boot();
        fake::on_cpu(hv::CpuId{0});
        fake::set_current(*fake::dom0().vcpu(hv::VcpuId{0}));
        domain = &fake::make_domain(2);
        domain->vcpu(hv::VcpuId{1})->flags.fetch_and(~std::uint32_t{hv::kVcpuInitialised});
        domain->pause();  // no other thread is there that would take its vCPUs off their CPUs
        fake::settle();
        request.buffer = address_of(buffer.data()).raw;
        request.capacity = buffer.size();
        request.domain = domain->id.raw;
    }
    void TearDown() override { fake::destroy_all(); }

    template <class Contents>
    Contents contents(Kind wanted) {
        Contents found{};
        VcpuRecord record;
        for (std::uint64_t at = 0; at < request.size; at += hv::control::vcpu_record_size(record.length)) {
            std::memcpy(&record, buffer.data() + at, sizeof record);
            if (record.kind != static_cast<std::uint32_t>(wanted)) continue;
            EXPECT_EQ(record.length, sizeof found);
            std::memcpy(&found, buffer.data() + at + sizeof record, sizeof found);
            return found;
        }
        ADD_FAILURE() << "no record " << static_cast<unsigned>(wanted);
        return found;
    }

    hv::Domain* domain = nullptr;
    std::vector<std::byte> buffer = std::vector<std::byte>(4096);
    hv::control::GetVcpuState request{};
};

TEST_F(VcpuState, WhatEveryGuestHas) {
    hv::Vcpu& vcpu = *domain->vcpu(hv::VcpuId{0});
    const auto deadline = static_cast<std::uint64_t>(fake::now()) + 5'000'000'000;
    ASSERT_TRUE(hv::vcpu_set_singleshot_timer(vcpu, deadline, true));
    ASSERT_TRUE(hv::op_get_vcpu_state(request));
    const auto timers = contents<hv::control::VcpuTimers>(Kind::Timers);
    EXPECT_EQ(timers.singleshot, deadline);
    EXPECT_EQ(timers.periodic, 0u);
    EXPECT_EQ(timers.now, static_cast<std::uint64_t>(fake::now()));
    EXPECT_EQ(contents<hv::control::VcpuExecution>(Kind::Execution).flags, hv::control::kExecutionOnline);
    EXPECT_EQ(domain->pause_count.load(), 1);  // as before
}

TEST_F(VcpuState, TooSmallABufferIsToldHowLarge) {
    ASSERT_TRUE(hv::op_get_vcpu_state(request));
    const std::uint64_t needed = request.size;
    request.capacity = needed - 1;
    request.size = 0;
    EXPECT_EQ(hv::op_get_vcpu_state(request).error(), hv::Error::NoBuffer);
    EXPECT_EQ(request.size, needed);
    request.capacity = needed;
    EXPECT_TRUE(hv::op_get_vcpu_state(request));
    request.buffer = 8;
    EXPECT_EQ(hv::op_get_vcpu_state(request).error(), hv::Error::Fault);
    EXPECT_EQ(domain->pause_count.load(), 1);
}

TEST_F(VcpuState, WhoHasNone) {
    request.vcpu = 1;
    EXPECT_EQ(hv::op_get_vcpu_state(request).error(), hv::Error::NoEntry);
    request.vcpu = 2;
    EXPECT_EQ(hv::op_get_vcpu_state(request).error(), hv::Error::NoEntry);
    request.vcpu = 0;
    request.domain = 0;  // the caller's own
    EXPECT_EQ(hv::op_get_vcpu_state(request).error(), hv::Error::BadArgument);
    request.domain = domain->id.raw;
    request.reserved0 = 1;
    EXPECT_EQ(hv::op_get_vcpu_state(request).error(), hv::Error::BadArgument);
    request.reserved0 = 0;
    request.domain = 3999;
    EXPECT_EQ(hv::op_get_vcpu_state(request).error(), hv::Error::NoDomain);
}

}  // namespace
