// Calls that can be long are done in pieces, and come to the same.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "hv/abi/xen/console.hpp"
#include "hv/abi/xen/errno.hpp"
#include "hv/control/operation.hpp"
#include "hv/domain/domain.hpp"
#include "hv/hypercall/handlers.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace {

class Pieces : public testing::Test {
  protected:
    void SetUp() override {
        fake::boot();
        fake::on_cpu(hv::CpuId{0});
        for (int i = 0; i < 6; ++i) fake::make_domain(3);
        fake::dom0();
        fake::settle();
    }
    void TearDown() override {
        fake::preempt_every(0);
        fake::keep_console_busy(0);
        fake::set_log("");
        fake::destroy_all();
    }

    // Returns the result; `tries` says how often it was called.
    std::int64_t call(hv::HypercallHandler handler, hv::HypercallArguments arguments, bool preempted) {
        hv::Vcpu& before = fake::running_on(hv::CpuId{0});
        fake::set_current(*fake::dom0().vcpu(hv::VcpuId{0}));
        fake::preempt_every(preempted ? 1 : 0);
        hv::HypercallResult result;
        for (tries = 1; !(result = handler(arguments)) && result.error() == hv::Error::Restart && tries < 10'000;
             ++tries) {
        }
        fake::preempt_every(0);
        fake::set_current(before);
        return hv::to_guest(result);
    }
    template <class Request>
    void control(hv::control::Operation operation, Request& request, bool preempted) {
        ASSERT_EQ(
            call(hv::do_control,
                 {{static_cast<std::uint64_t>(operation), fake::address(request), sizeof request, 0, 0, 0}}, preempted),
            0);
    }
    // The records and how many there are, at once or in pieces.
    template <class Record, class Request>
    std::vector<Record> records(hv::control::Operation operation, Request request, bool preempted) {
        std::vector<Record> list(200);
        request.buffer = reinterpret_cast<std::uintptr_t>(list.data());
        request.record_size = sizeof(Record);
        request.capacity = static_cast<std::uint32_t>(list.size());
        control(operation, request, preempted);
        list.resize(request.count);
        return list;
    }

    unsigned tries = 0;
};

TEST_F(Pieces, ListOfDomains) {
    using Info = hv::control::DomainInfo;
    const auto whole = records<Info>(hv::control::Operation::ListDomains, hv::control::ListDomains{}, false);
    ASSERT_EQ(whole.size(), 7u);
    const auto parts = records<Info>(hv::control::Operation::ListDomains, hv::control::ListDomains{}, true);
    EXPECT_GE(tries, whole.size());
    ASSERT_EQ(parts.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(parts[i].domain, whole[i].domain);
}

TEST_F(Pieces, PerformanceCounters) {
    using Counter = hv::control::PerfCounter;
    const auto whole = records<Counter>(hv::control::Operation::GetPerfCounters, hv::control::GetPerfCounters{}, false);
    ASSERT_GT(whole.size(), 10u);
    const auto parts = records<Counter>(hv::control::Operation::GetPerfCounters, hv::control::GetPerfCounters{}, true);
    EXPECT_GE(tries, whole.size());
    ASSERT_EQ(parts.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_STREQ(parts[i].name, whole[i].name);
    // One that has no room for them is told how many there are.
    for (const bool preempted : {false, true}) {
        Counter one{};
        hv::control::GetPerfCounters request{};
        request.buffer = fake::address(one);
        request.record_size = sizeof one;
        request.capacity = 1;
        control(hv::control::Operation::GetPerfCounters, request, preempted);
        EXPECT_EQ(request.count, 1u);
        EXPECT_EQ(request.available, whole.size());
    }
}

TEST_F(Pieces, TheLog) {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += std::to_string(i);
    fake::set_log(text);
    std::string read(text.size() + 10, ' ');
    hv::control::ReadConsole request{};
    request.buffer = reinterpret_cast<std::uintptr_t>(read.data());
    request.position = 5;
    request.capacity = static_cast<std::uint32_t>(read.size());
    control(hv::control::Operation::ReadConsole, request, true);
    EXPECT_GT(tries, 5u);
    EXPECT_EQ(request.position, 5u);
    EXPECT_EQ(request.next, text.size());
    EXPECT_EQ(read.substr(0, request.length), text.substr(5));
}

// Dom0's output on a serial line that is slower than it: it waits, not hv.
TEST_F(Pieces, OutputThatTheConsoleCannotTakeYet) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += std::to_string(i);
    fake::take_console();
    fake::keep_console_busy(20);
    const hv::HypercallArguments arguments{{static_cast<std::uint64_t>(hv::abi::xen::ConsoleCommand::Write),
                                            text.size(), reinterpret_cast<std::uintptr_t>(text.data()), 0, 0, 0}};
    EXPECT_EQ(call(hv::do_console_io, arguments, true), 0);
    EXPECT_GT(tries, 20u);
    EXPECT_EQ(fake::take_console(), text);
}

}  // namespace
