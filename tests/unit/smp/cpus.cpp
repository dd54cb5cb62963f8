#include "tests/unit/smp/cpus.hpp"

#include <array>
#include <mutex>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/machine/clock.hpp"
#include "hv/x86/smp/cpu_calls.hpp"

namespace {

struct Cpu {
    hv::x86::CallPost post;
    std::atomic<bool> interrupted{false};
};

std::array<Cpu, 8> g_cpus;
hv::CpuSet g_online;
thread_local hv::CpuId g_self{0};
std::atomic<bool> g_over{false};
std::atomic<unsigned> g_to_lose{0};
std::atomic<unsigned> g_sending{0};
std::chrono::milliseconds g_delay{0};
std::mutex g_log_lock;
std::vector<std::string> g_log;

void be(hv::CpuId self, cpus::Others how) {
    g_self = self;
    while (!g_over) {
        if (how == cpus::Others::Spin)
            hv::spin_pause();
        else if (g_cpus[self.raw].interrupted.exchange(false))
            hv::x86::answer_calls();
        std::this_thread::yield();
    }
}

}  // namespace

namespace cpus {

void run(unsigned count, Others others, const std::function<void()>& work) {
    g_online = {};
    g_online.set_all(count);
    g_over = false;
    for (Cpu& cpu : g_cpus) cpu.interrupted = false;
    std::vector<std::thread> threads;
    for (hv::CpuId cpu{1}; cpu.raw < count; ++cpu) threads.emplace_back(be, cpu, others);
    work();
    g_over = true;
    for (std::thread& thread : threads) thread.join();
    g_to_lose = 0;
    g_delay = std::chrono::milliseconds{0};
}

void lose_interrupts(unsigned count) {
    g_to_lose = count;
}
void delay_interrupts(std::chrono::milliseconds by) {
    g_delay = by;
}
bool sending() {
    return g_sending != 0;
}

std::vector<std::string> log() {
    const std::lock_guard guard{g_log_lock};
    return g_log;
}

}  // namespace cpus

namespace hv {

CpuId current_cpu() {
    return g_self;
}
const CpuSet& online_cpus() {
    return g_online;
}
void spin_pause() {
    x86::answer_calls();
    std::this_thread::yield();
}
void lock_taken(LockRank, const void*) {}
void lock_released(LockRank, const void*) {}

void log_text(LogLevel, std::string_view line) {
    const std::lock_guard guard{g_log_lock};
    g_log.emplace_back(line);
}
void log_text_about_guest(LogLevel level, std::string_view line) {
    log_text(level, line);
}

Nanoseconds time::now() {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1};
}

namespace x86 {

CallPost& call_post(CpuId cpu) {
    return g_cpus[cpu.raw].post;
}

void announce_call(CpuId cpu) {
    ++g_sending;
    std::this_thread::sleep_for(g_delay);
    unsigned left = g_to_lose.load();
    while (left != 0 && !g_to_lose.compare_exchange_weak(left, left - 1)) {
    }
    if (left == 0) g_cpus[cpu.raw].interrupted = true;
    --g_sending;
}

}  // namespace x86
}  // namespace hv
