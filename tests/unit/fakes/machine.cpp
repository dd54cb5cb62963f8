#include "tests/unit/fakes/machine.hpp"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "hv/abi/control/control.hpp"
#include "hv/base/log.hpp"
#include "hv/domain/idle_domain.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/machine/timer.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/sched/sched.hpp"
#include "hv/time/timer_queue.hpp"
#include "tests/unit/fakes/interleave.hpp"
#include "tests/unit/fakes/memory.hpp"

namespace fake {
namespace {

struct FakeCpu {
    std::atomic<hv::Vcpu*> current{nullptr};
    std::atomic<bool> reschedule{false};
    std::atomic<bool> kicked{false};  // it has been told so
    std::atomic<std::uint32_t> reschedules{0};
    std::atomic<bool> timers{false};
    std::atomic<hv::Nanoseconds> deadline{hv::time::kNoDeadline};
    std::uint64_t interrupts = 0;
};

std::mt19937 g_faults_random{1};
fake::TimerFaults g_faults{};

bool happens(unsigned one_in) {
    return one_in != 0 && g_faults_random() % one_in == 0;
}
hv::Nanoseconds up_to(hv::Nanoseconds most) {
    return most ? static_cast<hv::Nanoseconds>(g_faults_random()) % most : 0;
}

std::array<FakeCpu, kCpus> g_cpus;
hv::CpuSet g_online;
std::atomic<hv::Nanoseconds> g_now{1'000'000'000};
thread_local hv::CpuId t_cpu{0};
thread_local std::vector<std::pair<hv::LockRank, const void*>> t_locks;
std::atomic<unsigned> g_preempt_interval{0};
thread_local unsigned t_preempt_count = 0;
std::function<bool()> g_preempt;
std::atomic<std::uint64_t> g_pauses{0};

bool step(hv::CpuId cpu) {
    FakeCpu& machine = g_cpus[cpu.raw];
    if (machine.timers.exchange(false)) {
        on_cpu(cpu);
        hv::time::update_timers();
        machine.kicked = true;  // on its way out it looks
        return true;
    }
    if (!machine.kicked.exchange(false) || !machine.reschedule.exchange(false)) return false;
    machine.reschedules += 2;
    on_cpu(cpu);
    hv::check_timers(now());
    hv::Vcpu& previous = *machine.current.load();
    hv::Vcpu& next = hv::schedule(cpu, now());
    if (&next == &previous) return true;
    machine.current = &next;
    hv::sched_context_saved(previous);
    return true;
}

}  // namespace

void boot() {
    static std::once_flag once;
    std::call_once(once, [] {
        add_memory();
        for (hv::CpuId cpu : hv::ids<hv::CpuId>(kCpus)) g_online.set(cpu);
        if (!hv::create_idle_domain(kCpus)) std::abort();
        for (hv::CpuId cpu : hv::ids<hv::CpuId>(kCpus)) {
            g_cpus[cpu.raw].current = &hv::idle_vcpu(cpu);
            hv::sched_init_cpu(cpu, hv::idle_vcpu(cpu));
        }
    });
}

void on_cpu(hv::CpuId cpu) {
    t_cpu = cpu;
}
void set_current(hv::Vcpu& vcpu) {
    g_cpus[t_cpu.raw].current = &vcpu;
}
void set_now(hv::Nanoseconds now) {
    g_now = now;
}
hv::Nanoseconds now() {
    return g_now.load();
}
void preempt_every(unsigned interval) {
    g_preempt_interval = interval;
    g_preempt = nullptr;
}
void preempt_as(std::function<bool()> decide) {
    g_preempt = std::move(decide);
}
std::uint64_t pauses() {
    return g_pauses.load();
}
void set_timer_faults(const TimerFaults& faults) {
    g_faults = faults;
}
hv::Vcpu& running_on(hv::CpuId cpu) {
    return *g_cpus[cpu.raw].current.load();
}
std::uint64_t timer_interrupts(hv::CpuId cpu) {
    return g_cpus[cpu.raw].interrupts;
}

void bring_up(hv::Vcpu& vcpu) {
    vcpu.flags.fetch_or(hv::kVcpuInitialised);
    vcpu.flags.fetch_and(~std::uint32_t{hv::kVcpuDown});
    hv::sched_wake(vcpu);
}

namespace {

hv::Domain& start(hv::Domain& domain) {
    // Some guests want the flag, some do not.
    constexpr auto kUpdateFlag = static_cast<unsigned>(hv::abi::xen::VmAssistType::RunstateUpdateFlag);
    if (domain.id.raw % 2 == 1) domain.vm_assist |= std::uint64_t{1} << kUpdateFlag;
    for (hv::VcpuId id : hv::ids<hv::VcpuId>(domain.max_vcpus)) domain.vcpu(id)->flags.fetch_or(hv::kVcpuInitialised);
    domain.paused_by_control = false;
    domain.unstarted = false;
    domain.unpause();
    bring_up(*domain.vcpu(hv::VcpuId{0}));
    return domain;
}

}  // namespace

hv::Domain& make_domain(const hv::abi::control::CreateDomain& config) {
    boot();
    return start(*MUST(hv::Domain::create(config, false), "the test's configuration is good"));
}

namespace {

hv::abi::control::CreateDomain usual(std::uint32_t vcpus) {
    hv::abi::control::CreateDomain config{};
    config.domain = hv::abi::control::kDomainAny;
    config.max_vcpus = vcpus;
    config.max_frames = 4096;
    return config;
}

}  // namespace

hv::Domain& make_domain(std::uint32_t vcpus) {
    return make_domain(usual(vcpus));
}

hv::Domain& make_linear_domain(std::uint32_t vcpus) {
    hv::abi::control::CreateDomain config = usual(vcpus);
    config.flags = hv::abi::control::kCreateLinearPageTables;
    return make_domain(config);
}

hv::Domain& dom0() {
    boot();
    static hv::Domain& domain = []() -> hv::Domain& {
        hv::abi::control::CreateDomain config{};
        config.max_vcpus = 4;
        config.max_frames = 4096;
        return start(*MUST(hv::Domain::create(config, true), "nothing else has the number 0"));
    }();
    return domain;
}

bool destroy(hv::Domain& domain) {
    for (hv::VcpuId id : hv::ids<hv::VcpuId>(domain.max_vcpus)) {
        if (hv::Vcpu* vcpu = domain.vcpu(id)) vcpu->flags.fetch_or(hv::kVcpuDown), hv::sched_sleep(*vcpu);
    }
    settle();
    const hv::CpuId before = t_cpu;
    on_cpu(hv::CpuId{0});
    hv::Vcpu& current = running_on(hv::CpuId{0});
    g_cpus[0].current = &hv::idle_vcpu(hv::CpuId{0});
    hv::Result<> done = hv::fail(hv::Error::Restart);
    while (!done && done.error() == hv::Error::Restart) done = domain.destroy();
    g_cpus[0].current = &current;
    on_cpu(before);
    return done.has_value();
}

void destroy_all() {
    // Those that have mapped others' frames must go first; each round frees some.
    for (int round = 0; hv::next_domain(hv::DomainId{1}); ++round) {
        if (round == 10) hv::panic("a domain cannot be destroyed");
        hv::DomainId from{1};
        while (hv::DomainRef domain = hv::next_domain(from)) {
            from = domain->id.next();
            destroy(*domain);
        }
    }
}

void settle() {
    const hv::CpuId before = t_cpu;
    for (bool more = true; more;) {
        more = false;
        for (hv::CpuId cpu : hv::ids<hv::CpuId>(kCpus)) more |= step(cpu);
    }
    on_cpu(before);
}

void run_until(hv::Nanoseconds end) {
    settle();
    for (;;) {
        hv::CpuId next{0};
        for (hv::CpuId cpu{1}; cpu.raw < kCpus; ++cpu) {
            if (g_cpus[cpu.raw].deadline.load() < g_cpus[next.raw].deadline.load()) next = cpu;
        }
        const hv::Nanoseconds deadline = g_cpus[next.raw].deadline.load();
        if (deadline > end) break;
        if (deadline > now()) set_now(deadline);
        g_cpus[next.raw].deadline = hv::time::kNoDeadline;
        ++g_cpus[next.raw].interrupts;
        const hv::CpuId before = t_cpu;
        on_cpu(next);
        hv::time::timer_interrupt();
        g_cpus[next.raw].kicked = true;
        on_cpu(before);
        settle();
    }
    set_now(end);
}

std::int64_t hypercall(hv::HypercallHandler handler, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    hv::HypercallArguments arguments{{a, b, c, 0, 0, 0}};
    for (;;) {
        const hv::HypercallResult result = handler(arguments);
        if (result || result.error() != hv::Error::Restart) return hv::to_guest(result);
    }
}

}  // namespace fake

namespace hv {

CpuId current_cpu() {
    return fake::t_cpu;
}
const CpuSet& online_cpus() {
    return fake::g_online;
}
void kick_cpu(CpuId) {}
Vcpu& current_vcpu() {
    return *fake::g_cpus[fake::t_cpu.raw].current.load();
}
Domain& current_domain() {
    return current_vcpu().domain;
}

void call_on_cpus(const CpuSet& cpus, void (*function)(void*), void* argument) {
    for_each_bit(cpus, [&](CpuId) { function(argument); });
}

void request_reschedule(CpuId cpu) {
    fake::g_cpus[cpu.raw].reschedule = true;
    if (cpu == current_cpu() || !fake::happens(fake::g_faults.lose_kick)) fake::g_cpus[cpu.raw].kicked = true;
}
std::uint32_t unanswered_reschedule(CpuId cpu) {
    return fake::g_cpus[cpu.raw].reschedule ? fake::g_cpus[cpu.raw].reschedules | 1 : 0;
}
void request_timer_update(CpuId cpu) {
    if (cpu == current_cpu() || !fake::happens(fake::g_faults.lose_update)) fake::g_cpus[cpu.raw].timers = true;
}

bool preemption_needed() {
    fake::meeting_point(false);
    if (fake::g_preempt) return fake::g_preempt();
    const unsigned interval = fake::g_preempt_interval.load();
    return interval != 0 && ++fake::t_preempt_count % interval == 0;
}

void spin_pause() {
    ++fake::g_pauses;
    std::this_thread::yield();
    fake::meeting_point(true);
}

void lock_taken(LockRank rank, const void* lock) {
    fake::meeting_point(false);
    for (const auto& [held_rank, held] : fake::t_locks) {
        if (held == lock || held_rank > rank || (held_rank == rank && held > lock))
            panic("lock order: {} after {}", rank, held_rank);
    }
    fake::t_locks.emplace_back(rank, lock);
}

void lock_released(LockRank, const void* lock) {
    std::erase_if(fake::t_locks, [lock](const auto& held) { return held.second == lock; });
}

void log_text(LogLevel, std::string_view line) {
    if (std::getenv("FAKE_LOG")) std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}
void log_text_about_guest(LogLevel level, std::string_view line) {
    log_text(level, line);
}

void panic_text(std::string_view reason) {
    std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(reason.size()), reason.data());
    std::abort();
}

namespace time {

Nanoseconds now() {
    return fake::now();
}
std::uint64_t tsc_khz() {
    return 1'000'000;
}
bool tsc_stable() {
    return true;
}
std::uint64_t read_tsc() {
    return static_cast<std::uint64_t>(fake::now());
}
void program_timer(Nanoseconds deadline) {
    if (deadline != kNoDeadline) {
        deadline += fake::up_to(fake::g_faults.late) - fake::up_to(fake::g_faults.early);
        if (fake::happens(fake::g_faults.lose_interrupt)) deadline = kNoDeadline;
    }
    fake::g_cpus[fake::t_cpu.raw].deadline = deadline;
}
bool timer_interrupt_expected() {
    return fake::g_cpus[fake::t_cpu.raw].deadline.load() != kNoDeadline;
}

}  // namespace time
}  // namespace hv
