#include "tests/unit/fakes/interleave.hpp"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace fake {
namespace {

constexpr std::size_t kNobody = ~std::size_t{0};
constexpr unsigned kMostPauses = 1'000'000;  // in a row; then no job will ever go on

struct Round {
    std::vector<std::function<void()>> jobs;
    std::function<bool()> change;
    std::function<unsigned()> choose;
    std::vector<bool> done;
    std::size_t left = 0;
    std::size_t running = kNobody;
    unsigned pauses = 0;
    std::mutex lock;
    std::condition_variable turned;
};

Round* g_round = nullptr;
thread_local std::size_t t_job = kNobody;

// The lock is held. One that is not done, other than this one when there is any.
std::size_t next_one(const Round& round) {
    std::size_t left = round.choose() % round.left;
    for (std::size_t job = 0;; ++job) {
        if (round.done[job]) continue;
        if (left-- == 0) return job;
    }
}

void wait_for_turn(Round& round, std::unique_lock<std::mutex>& guard) {
    round.turned.wait(guard, [&round] { return round.running == t_job; });
}

}  // namespace

void meeting_point(bool waits) {
    if (t_job == kNobody) return;
    Round& round = *g_round;
    round.pauses = waits ? round.pauses + 1 : 0;
    if (round.pauses > kMostPauses) {
        std::fputs("CPUs wait for each other\n", stderr);
        std::abort();
    }
    if (!waits && !round.change()) return;
    std::unique_lock guard{round.lock};
    round.running = next_one(round);
    if (round.running == t_job) return;
    round.turned.notify_all();
    wait_for_turn(round, guard);
}

void interleave(std::vector<std::function<void()>> jobs, std::function<bool()> change,
                std::function<unsigned()> choose) {
    Round round;
    round.done.resize(jobs.size());
    round.left = jobs.size();
    round.jobs = std::move(jobs);
    round.change = std::move(change);
    round.choose = std::move(choose);
    g_round = &round;
    std::vector<std::thread> threads;
    for (std::size_t job = 0; job < round.jobs.size(); ++job) {
        threads.emplace_back([&round, job] {
            t_job = job;
            {
                std::unique_lock guard{round.lock};
                wait_for_turn(round, guard);
            }
            round.jobs[job]();
            std::unique_lock guard{round.lock};
            round.done[job] = true;
            round.running = --round.left == 0 ? kNobody : next_one(round);
            round.turned.notify_all();
        });
    }
    {
        std::unique_lock guard{round.lock};
        round.running = next_one(round);
        round.turned.notify_all();
    }
    for (std::thread& thread : threads) thread.join();
    g_round = nullptr;
}

}  // namespace fake
