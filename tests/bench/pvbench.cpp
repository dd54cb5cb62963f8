// Micro-benchmarks of what a PV kernel does on each system call, fault, fork, hypercall and event. The same program
// runs on a Dom0 and in a guest, on hv and on Xen. One line each: NAME NANOSECONDS, the best of several rounds.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <limits>
#include <string>

#include "hv/abi/xen/domain_id.hpp"
#include "hv/abi/xen/hypercall.hpp"

namespace {

constexpr int kRounds = 7;

// Calls `once` `count` times a round and prints the best round's time per call.
template <class Once>
void measure(const char* name, int count, Once once) {
    using Clock = std::chrono::steady_clock;
    double best = std::numeric_limits<double>::max();
    for (int round = 0; round < kRounds; ++round) {
        const auto start = Clock::now();
        for (int i = 0; i < count; ++i) once();
        const std::chrono::duration<double, std::nano> took = Clock::now() - start;
        best = std::min(best, took.count() / count);
    }
    std::printf("%s %.1f\n", name, best);
    std::fflush(stdout);
}

[[noreturn]] void die(const char* what) {
    std::perror(what);
    _exit(1);
}

void computation() {
    volatile std::uint64_t sink = 1;
    measure("compute", 20, [&] {
        std::uint64_t value = sink;
        for (int i = 0; i < 100'000; ++i) value = value * 6364136223846793005u + 1442695040888963407u;
        sink = value;
    });
}

void system_calls() {
    measure("getppid", 50'000, [] { syscall(SYS_getppid); });
    measure("clock_gettime", 50'000, [] {
        timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
    });
    measure("sched_yield", 20'000, [] { syscall(SYS_sched_yield); });
    measure("fork_exit", 50, [] {
        const pid_t child = fork();
        if (child < 0) die("fork");
        if (child == 0) _exit(0);
        waitpid(child, nullptr, 0);
    });
}

void memory() {
    constexpr std::size_t kBlock = 1 << 20, kPage = 4096;
    measure("mmap_1mib", 30, [] {
        void* block = mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED) die("mmap");
        auto* bytes = static_cast<volatile char*>(block);
        for (std::size_t at = 0; at < kBlock; at += kPage) bytes[at] = 1;
        munmap(block, kBlock);
    });
    void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (page == MAP_FAILED) die("mmap");
    *static_cast<volatile char*>(page) = 1;
    measure("mprotect", 5'000, [&] {
        mprotect(page, kPage, PROT_READ);
        mprotect(page, kPage, PROT_READ | PROT_WRITE);
    });
    munmap(page, kPage);
}

// A byte to another process and one back.
void pipe_round_trip() {
    std::array<int, 2> there{}, back{};
    if (pipe(there.data()) != 0 || pipe(back.data()) != 0) die("pipe");
    const pid_t echo = fork();
    if (echo < 0) die("fork");
    char byte = 'x';
    if (echo == 0) {
        while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1) {
        }
        _exit(0);
    }
    measure("pipe", 2'000, [&] {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) die("pipe");
    });
    kill(echo, SIGKILL);
    waitpid(echo, nullptr, 0);
    for (int end : {there[0], there[1], back[0], back[1]}) close(end);
}

// Linux, include/uapi/xen/privcmd.h and evtchn.h.
struct Hypercall {
    std::uint64_t number, arguments[5];
};
constexpr unsigned long kHypercall = _IOC(_IOC_NONE, 'P', 0, sizeof(Hypercall));
struct BindUnbound {
    std::uint32_t remote_domain;
};
struct BindInterdomain {
    std::uint32_t remote_domain, remote_port;
};
struct Notify {
    std::uint32_t port;
};
constexpr unsigned long kBindInterdomain = _IOC(_IOC_NONE, 'E', 1, sizeof(BindInterdomain));
constexpr unsigned long kBindUnbound = _IOC(_IOC_NONE, 'E', 2, sizeof(BindUnbound));
constexpr unsigned long kNotify = _IOC(_IOC_NONE, 'E', 4, sizeof(Notify));
constexpr std::uint32_t kSelf = hv::abi::xen::kDomidSelf;
// Its argument 0 asks for the version, which needs no memory.
constexpr auto kXenVersionCall = static_cast<std::uint64_t>(hv::abi::xen::HypercallId::XenVersion);

void hypercalls() {
    const int door = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (door < 0) return;  // this kernel has no privcmd: nothing to measure
    Hypercall version{kXenVersionCall, {}};
    // Newer kernels let no hypercall through in a guest that has no other domain to look after.
    if (ioctl(door, kHypercall, &version) >= 0) {
        measure("hypercall", 20'000, [&] { ioctl(door, kHypercall, &version); });
    } else if (errno != EPERM) {
        die("the version hypercall");
    }
    close(door);
}

// Has this program's event channels raised on `cpu`. Left to itself, the kernel takes the CPU that has the fewest at
// the moment, so that one boot measures a wake-up of another CPU and the next one none.
void deliver_events_to(int cpu) {
    std::ifstream interrupts("/proc/interrupts");
    for (std::string line; std::getline(interrupts, line);) {
        if (!line.ends_with("evtchn:pvbench")) continue;
        std::ofstream affinity("/proc/irq/" + std::to_string(std::stoi(line)) + "/smp_affinity_list");
        if (!(affinity << cpu << std::flush)) die("an event channel's affinity");
    }
}

void run_on(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) die("sched_setaffinity");
}

// One port bound to another of the same domain: a notification of the first until the second's reader has it, with the
// event raised on the reader's own CPU, and on another one, which is idle.
void event_channel() {
    const int from = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC), to = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
    if (from < 0 || to < 0) return;
    BindUnbound unbound{kSelf};
    const int port = ioctl(from, kBindUnbound, &unbound);
    if (port < 0) die("binding an unbound port");
    BindInterdomain interdomain{kSelf, static_cast<std::uint32_t>(port)};
    if (ioctl(to, kBindInterdomain, &interdomain) < 0) die("binding an interdomain port");
    auto take = [&] {  // reads the port that fired and unmasks it
        std::uint32_t fired = 0;
        if (read(to, &fired, sizeof fired) != sizeof fired || write(to, &fired, sizeof fired) != sizeof fired)
            die("evtchn");
    };
    pollfd waiting{to, POLLIN, 0};
    while (poll(&waiting, 1, 50) == 1) take();  // binding raises an event of its own
    Notify notify{static_cast<std::uint32_t>(port)};
    auto once = [&] {
        ioctl(from, kNotify, &notify);
        take();
    };
    run_on(0);
    deliver_events_to(0);
    measure("event", 5'000, once);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        deliver_events_to(1);
        measure("event_other", 2'000, once);
    }
    close(from);
    close(to);
}

}  // namespace

int main() {
    computation();
    system_calls();
    memory();
    pipe_round_trip();
    hypercalls();
    event_channel();
}
