// A call reaches every CPU once, whatever becomes of the interrupts that announce it.
#include "hv/x86/smp/cpu_calls.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string_view>

#include "hv/time/patience.hpp"
#include "tests/unit/smp/cpus.hpp"

namespace {

using Calls = std::array<std::atomic<int>, 4>;

void count(void* argument) {
    ++(*static_cast<Calls*>(argument))[hv::current_cpu().raw];
}

std::uint64_t asked_again() {
    const char* name;
    std::uint64_t value = 0;
    for (std::uint32_t index = 0; hv::ipi_counter(index, name, value); ++index)
        if (std::string_view{name} == "asked_again") return value;
    ADD_FAILURE() << "there is no such counter";
    return 0;
}

void call_all(Calls& calls) {
    hv::call_on_cpus(hv::online_cpus(), count, &calls);
}

TEST(CpuCalls, EachCpuIsCalledOnce) {
    for (const cpus::Others others : {cpus::Others::Sleep, cpus::Others::Spin}) {
        Calls calls{};
        cpus::run(4, others, [&calls] { call_all(calls); });
        for (const auto& times : calls) EXPECT_EQ(times, 1);
    }
}

// The wait once lasted for ever: only the caller knows that something was to come.
TEST(CpuCalls, ACpuWhoseInterruptIsLostIsAskedAgain) {
    Calls calls{};
    const std::uint64_t before = asked_again();
    cpus::run(4, cpus::Others::Sleep, [&calls] {
        cpus::lose_interrupts(7);
        call_all(calls);
        EXPECT_FALSE(cpus::log().empty());
    });
    for (const auto& times : calls) EXPECT_EQ(times, 1);
    EXPECT_GE(asked_again() - before, 5u);  // all three, and then some
}

// What they did is not done twice when the caller asks those that have not come.
TEST(CpuCalls, OnlyThoseAreAskedAgainThatHaveNotCome) {
    Calls calls{};
    cpus::run(4, cpus::Others::Sleep, [&calls] {
        cpus::lose_interrupts(1);
        for (int i = 0; i < 3; ++i) call_all(calls);
    });
    for (const auto& times : calls) EXPECT_EQ(times, 3);
}

}  // namespace
