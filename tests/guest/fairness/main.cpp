// Promised: busy domains share CPUs by weight; a cap holds; a reservation is kept beside any others; a domain that
// sleeps and wakes beside them runs soon. Exercised: eight spinning domains of weights 1 to 8; one of them with a cap
// of 25 %, alone and beside the others; the lightest one with a reservation of 50 %; a ninth that sleeps 5 ms at a time
// and looks how late it is. A pass means: all of them made progress. What each got is printed, not judged; "seconds=N"
// on the command line makes each part N seconds long, for figures that mean something.
#include "hv/abi/control/sched.hpp"
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"

using namespace guest;
namespace control = hv::abi::control;

namespace {

constexpr u64 kSecond = 1'000'000'000;
constexpr u64 kSpins = 1;
constexpr u64 kSleeps = 2;
constexpr unsigned kHogs = 8;
constexpr u32 kUnit = 64;  // weight 1
constexpr u32 kMostWakes = 4096;

// The sleeper's.
u32 wakes;
u32 lateness[kMostWakes];  // nanoseconds

void sleep_until(u64 when) {
    SchedPoll sleep{0, 0, 0, when};
    sched_op(SchedCommand::Poll, &sleep);
}

u64 seconds_asked() {
    const char* text = start_info().cmd_line;
    constexpr char kWord[] = "seconds=";
    for (; *text != 0; ++text) {
        unsigned same = 0;
        while (kWord[same] != 0 && text[same] == kWord[same]) ++same;
        if (kWord[same] != 0) continue;
        u64 value = 0;
        for (const char* digit = text + same; *digit >= '0' && *digit <= '9'; ++digit)
            value = value * 10 + static_cast<u64>(*digit - '0');
        return value;
    }
    return 0;
}

struct Times {
    u64 of[kHogs];
    u64 sum = 0;
};

// What each has used between two moments that far apart; `elapsed` is how far they were.
Times used_in(const DomU (&hogs)[kHogs], u64 length, u64& elapsed) {
    Times times{};
    u64 before[kHogs];
    const u64 begin = system_time();
    for (unsigned i = 0; i < kHogs; ++i) before[i] = domu_info(hogs[i]).cpu_time_ns;
    sleep_until(begin + length);
    elapsed = system_time() - begin;
    for (unsigned i = 0; i < kHogs; ++i) {
        times.of[i] = domu_info(hogs[i]).cpu_time_ns - before[i];
        times.sum += times.of[i];
    }
    return times;
}

void set_shares(const DomU& domain, u32 weight, u32 cap, u32 reservation) {
    control::SchedParameters share{domain.id, 0, weight, cap, reservation};
    EXPECT_EQ(control_op(control::Operation::SetSchedParameters, share), 0);
}

void pause(const DomU& domain, bool paused) {
    control::DomainOnly request{domain.id, {}};
    EXPECT_EQ(control_op(paused ? control::Operation::PauseDomain : control::Operation::UnpauseDomain, request), 0);
}

// The largest distance from its share, in thousandths of the share.
u64 worst_off(const Times& times) {
    u64 worst = 0;
    constexpr u64 kAllWeights = kHogs * (kHogs + 1) / 2;
    for (unsigned i = 0; i < kHogs; ++i) {
        const u64 share = times.sum / kAllWeights * (i + 1);
        const u64 off = times.of[i] > share ? times.of[i] - share : share - times.of[i];
        worst = off * 1000 / share > worst ? off * 1000 / share : worst;
    }
    return worst;
}

void check_wakes(const DomU& sleeper) {
    static u32 late[kMostWakes];
    const u32 count = read_domu(sleeper, wakes);
    EXPECT_TRUE(count > 0);
    read_domu(sleeper, lateness, late, sizeof late);
    for (u32 i = 1; i < count; ++i) {
        for (u32 j = i; j > 0 && late[j - 1] > late[j]; --j) {
            const u32 other = late[j];
            late[j] = late[j - 1];
            late[j - 1] = other;
        }
    }
    print("fairness: woken ", late[count / 2], " ns late at the median, ", late[count * 99ull / 100],
          " ns at the 99th percentile, of ", count, "\n");
}

}  // namespace

void guest::domu_main(u64 role) {
    volatile u64 work = 0;
    if (role == kSpins) {
        for (;;) work = work + 1;
    }
    constexpr u64 kNap = 5'000'000;
    for (;;) {
        const u64 when = system_time() + kNap;
        sleep_until(when);
        const u64 late = system_time() - when;
        if (wakes == kMostWakes) continue;
        lateness[wakes] = static_cast<u32>(late < ~0u ? late : ~0u);
        __atomic_store_n(&wakes, wakes + 1, __ATOMIC_RELEASE);
    }
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    const u64 asked = seconds_asked();
    const u64 length = asked != 0 ? asked * kSecond : kSecond / 4;
    DomU hogs[kHogs];
    for (unsigned i = 0; i < kHogs; ++i) {
        hogs[i] = build_domu({.role = kSpins});
        set_shares(hogs[i], kUnit * (i + 1), 0, 0);
    }
    for (const DomU& hog : hogs) unpause_domu(hog);
    u64 elapsed = 0;
    used_in(hogs, length / 4, elapsed);  // until all have begun
    print("fairness: weights 1 to 8 are off by at most ", worst_off(used_in(hogs, length, elapsed)), " thousandths\n");

    DomU& heaviest = hogs[kHogs - 1];
    set_shares(heaviest, kUnit * kHogs, 25, 0);
    Times times = used_in(hogs, length, elapsed);
    print("fairness: a cap of 250 thousandths gives ", times.of[kHogs - 1] * 1000 / elapsed, " beside others\n");
    for (unsigned i = 0; i < kHogs - 1; ++i) pause(hogs[i], true);
    times = used_in(hogs, length, elapsed);
    print("fairness: and ", times.of[kHogs - 1] * 1000 / elapsed, " alone\n");
    for (unsigned i = 0; i < kHogs - 1; ++i) pause(hogs[i], false);

    set_shares(heaviest, kUnit * kHogs, 0, 0);
    set_shares(hogs[0], 1, 0, 50);
    times = used_in(hogs, length, elapsed);
    print("fairness: a reservation of 500 thousandths gives ", times.of[0] * 1000 / elapsed, "\n");

    set_shares(hogs[0], kUnit, 0, 0);
    const DomU sleeper = build_domu({.role = kSleeps});
    unpause_domu(sleeper);
    used_in(hogs, length, elapsed);
    pause(sleeper, true);
    check_wakes(sleeper);
    EXPECT_EQ(destroy_domu(sleeper), 0);
    for (const DomU& hog : hogs) {
        EXPECT_TRUE(domu_info(hog).cpu_time_ns > 0);
        EXPECT_EQ(destroy_domu(hog), 0);
    }
}
