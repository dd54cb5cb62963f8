// The table says which kinds of guests may make a call; others find that there is none.
#include <gtest/gtest.h>

#include <iterator>

#include "hv/abi/control/control.hpp"
#include "hv/abi/xen/errno.hpp"
#include "hv/abi/xen/hypercall.hpp"
#include "hv/abi/xen/multicall.hpp"
#include "hv/domain/domain.hpp"
#include "hv/hypercall/dispatch.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace {

using hv::abi::control::DomainType;
using hv::abi::xen::HypercallId;

constexpr std::uint32_t number_of(HypercallId id) {
    return static_cast<std::uint32_t>(id);
}

std::uint64_t g_calls = 0;

hv::HypercallResult do_count(hv::HypercallArguments& arguments) {
    ++g_calls;
    return arguments.value[0];
}

// Numbers that nothing else in this program has.
constexpr std::uint32_t kForPv = number_of(HypercallId::MmuUpdate);
constexpr std::uint32_t kForHvm = number_of(HypercallId::HvmOp);
constexpr hv::HypercallEntry kEntries[] = {
    {kForPv, "for_pv", do_count, hv::kPvOnly},
    {kForHvm, "for_hvm", do_count, {DomainType::Hvm}},
};

class Callers : public testing::Test {
  protected:
    void SetUp() override {
        static const bool registered = (hv::register_hypercalls(kEntries, std::size(kEntries)), true);
        ASSERT_TRUE(registered);
        fake::boot();
        fake::on_cpu(hv::CpuId{0});
        g_calls = 0;
    }

    // As a vCPU of that kind of guest, which the scheduler does not know.
    static hv::HypercallResult call(DomainType type, std::uint32_t number, hv::HypercallArguments arguments = {}) {
        hv::abi::control::CreateDomain config{};
        config.type = static_cast<std::uint32_t>(type);
        config.max_vcpus = 1;
        hv::Domain domain{hv::DomainId{7}, config, false};
        hv::Vcpu vcpu{domain, hv::VcpuId{0}};
        hv::Vcpu& before = fake::running_on(hv::CpuId{0});
        fake::set_current(vcpu);
        const hv::HypercallResult result = hv::dispatch_hypercall(number, arguments);
        fake::set_current(before);
        return result;
    }
    static bool may_call(DomainType type, HypercallId id) {
        const hv::HypercallResult result = call(type, number_of(id), {{~0ull, ~0ull, 0, 0, 0, 0}});
        return result || result.error() != hv::Error::NotImplemented;
    }
};

TEST_F(Callers, OnlyTheKindsThatTheTableNamesReachTheHandler) {
    EXPECT_TRUE(call(DomainType::Pv, kForPv));
    EXPECT_EQ(call(DomainType::Pvh, kForPv).error(), hv::Error::NotImplemented);
    EXPECT_EQ(call(DomainType::Hvm, kForPv).error(), hv::Error::NotImplemented);
    EXPECT_EQ(g_calls, 1u);
    EXPECT_EQ(call(DomainType::Pv, kForHvm).error(), hv::Error::NotImplemented);
    EXPECT_TRUE(call(DomainType::Hvm, kForHvm));
    EXPECT_EQ(g_calls, 2u);
}

TEST_F(Callers, ACallThatIsNotForTheCallerIsNotCounted) {
    const std::uint64_t before = hv::hypercall_count(kForPv);
    call(DomainType::Hvm, kForPv);
    EXPECT_EQ(hv::hypercall_count(kForPv), before);
    call(DomainType::Pv, kForPv);
    EXPECT_EQ(hv::hypercall_count(kForPv), before + 1);
}

TEST_F(Callers, AListOfCallsIsNoWayAround) {
    hv::abi::xen::MulticallEntry list[2] = {};
    list[0].op = kForPv;
    list[1].op = kForHvm;
    list[1].args[0] = 5;
    EXPECT_TRUE(call(DomainType::Hvm, number_of(HypercallId::Multicall), {{fake::address(list), 2, 0, 0, 0, 0}}));
    EXPECT_EQ(static_cast<std::int64_t>(list[0].result), hv::xen_errno(hv::Error::NotImplemented));
    EXPECT_EQ(list[1].result, 5u);
    EXPECT_EQ(g_calls, 1u);
}

TEST_F(Callers, NumbersWithoutACallAreForNobody) {
    for (const DomainType type : {DomainType::Pv, DomainType::Pvh, DomainType::Hvm}) {
        EXPECT_EQ(call(type, number_of(HypercallId::TmemOp)).error(), hv::Error::NotImplemented);
        EXPECT_EQ(call(type, hv::kHypercallSlots).error(), hv::Error::NotImplemented);
        EXPECT_EQ(call(type, ~0u).error(), hv::Error::NotImplemented);
    }
}

// With arguments that each of them refuses in its own way.
TEST_F(Callers, TheCallsOfOldAreForPvAlone) {
    for (const HypercallId id : {HypercallId::SchedOpCompat, HypercallId::EventChannelOpCompat}) {
        EXPECT_FALSE(may_call(DomainType::Pvh, id)) << number_of(id);
        EXPECT_FALSE(may_call(DomainType::Hvm, id)) << number_of(id);
    }
}

}  // namespace
