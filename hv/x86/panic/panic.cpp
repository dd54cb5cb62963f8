#include "hv/x86/panic/panic.hpp"

#include <atomic>

#include "hv/base/log.hpp"
#include "hv/machine/clock.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/console/console.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/panic/reboot.hpp"
#include "hv/x86/smp/ipi.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint32_t kNobody = ~std::uint32_t{0};
constinit std::atomic<std::uint32_t> panicking{kNobody};  // number of the CPU that was first

constexpr unsigned kMaxDepth = 32;
constexpr Nanoseconds kRebootDelay = 5'000'000'000;
constexpr Nanoseconds kStopDelay = 20'000'000;

// One CPU panics. Another that gets here stops; the same one again has a fault in its panic and goes down at once.
void enter_panic() {
    disable_interrupts();
    std::uint32_t nobody = kNobody;
    const std::uint32_t self = per_cpu().id.raw;
    if (!panicking.compare_exchange_strong(nobody, self)) {
        if (nobody == self) machine_reboot();
        for (;;) halt();
    }
    console_enter_panic();
    send_nmi_to_others();
}

// Where the other CPUs were when the NMI reached them.
void print_others() {
    const Nanoseconds until = time::now() + kStopDelay;
    while (time::now() < until) pause();
    for_each_bit(online_cpus(), [](CpuId number) {
        const PerCpu& cpu = cpu_data(number);
        if (cpu.id == per_cpu().id) return;
        const std::uint64_t rip = cpu.stopped_at.load(std::memory_order_acquire);
        const Symbol symbol = find_symbol(rip);
        if (rip == 0) {
            log(LogLevel::Error, "CPU {} does not answer", cpu.id);
        } else {
            log(LogLevel::Error, "CPU {} was at {:016x} {}", cpu.id, rip, symbol.name ? symbol.name : "(a guest)");
        }
    });
}

[[noreturn]] void finish_panic() {
    print_others();
    if (boot_options().no_reboot) {
        log_text(LogLevel::Error, "noreboot: the machine stays as it is");
        machine_halt();
    }
    log_text(LogLevel::Error, "rebooting in 5 seconds");
    const Nanoseconds until = time::now() + kRebootDelay;
    while (time::now() < until) pause();
    machine_reboot();
}

const char* name_of(std::uint64_t vector) {
    static constexpr const char* kNames[] = {"divide error",
                                             "debug",
                                             "NMI",
                                             "breakpoint",
                                             "overflow",
                                             "bounds",
                                             "invalid opcode",
                                             "no FPU",
                                             "double fault",
                                             "coprocessor overrun",
                                             "invalid TSS",
                                             "segment not present",
                                             "stack fault",
                                             "general protection",
                                             "page fault",
                                             "reserved",
                                             "x87 error",
                                             "alignment",
                                             "machine check",
                                             "SIMD error",
                                             "virtualization",
                                             "control protection"};
    return vector < sizeof kNames / sizeof kNames[0] ? kNames[vector] : "unexpected vector";
}

bool in_guard_page(std::uint64_t address) {
    const std::uint64_t guard = per_cpu().stack_block + kStackGuardPage * kPageSize;
    return address >= guard && address < guard + kPageSize;
}

void print_line(std::uint64_t address) {
    const Symbol symbol = find_symbol(address);
    if (symbol.name) {
        log(LogLevel::Error, "  {:016x} {}+0x{:x}", address, symbol.name, symbol.offset);
    } else {
        log(LogLevel::Error, "  {:016x}", address);
    }
}

}  // namespace

bool panic_started() {
    return panicking.load(std::memory_order_relaxed) != kNobody;
}

void give_up_text(std::string_view reason) {
    enter_panic();
    log(LogLevel::Error, "Dom0 cannot start: {}", reason);
    log_text(LogLevel::Error,
             "the machine stops here, a reboot would not help: change the boot loader's configuration");
    machine_halt();
}

void stop_in_panic(const TrapFrame& frame) {
    per_cpu().stopped_at.store(frame.rip, std::memory_order_release);
    for (;;) halt();
}

void print_registers(const TrapFrame& frame) {
    log(LogLevel::Error, "rip {:016x}  cs {:04x}  rflags {:08x}  rsp {:016x}  ss {:04x}", frame.rip, frame.cs,
        frame.rflags, frame.rsp, frame.ss);
    log(LogLevel::Error, "rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}", frame.rax, frame.rbx, frame.rcx,
        frame.rdx);
    log(LogLevel::Error, "rsi {:016x}  rdi {:016x}  rbp {:016x}  r8  {:016x}", frame.rsi, frame.rdi, frame.rbp,
        frame.r8);
    log(LogLevel::Error, "r9  {:016x}  r10 {:016x}  r11 {:016x}  r12 {:016x}", frame.r9, frame.r10, frame.r11,
        frame.r12);
    log(LogLevel::Error, "r13 {:016x}  r14 {:016x}  r15 {:016x}", frame.r13, frame.r14, frame.r15);
    log(LogLevel::Error, "cr0 {:016x}  cr2 {:016x}  cr3 {:016x}  cr4 {:016x}", read_cr0(), read_cr2(), read_cr3(),
        read_cr4());
}

void print_backtrace(std::uint64_t rip, std::uint64_t rbp) {
    log_text(LogLevel::Error, "backtrace:");
    print_line(rip);
    const std::uint64_t bottom = per_cpu().stack_block, top = bottom + kStackSize - kStackReserved;
    for (unsigned depth = 0; depth < kMaxDepth; ++depth) {
        if (rbp < bottom || rbp > top - 16 || rbp % 8 != 0) break;
        const std::uint64_t page = (rbp - bottom) / kPageSize;
        if (page == kStackGuardPage && bottom >= kStacksBase) break;
        const auto* link = reinterpret_cast<const std::uint64_t*>(rbp);
        if (link[1] == 0) break;
        print_line(link[1]);
        if (link[0] <= rbp) break;
        rbp = link[0];
    }
}

void panic_trap(const TrapFrame& frame) {
    char reason[96];
    if (frame.vector == kPageFault) {
        panic_here(format_into(reason, "page fault at {:016x}, error code {:x}", read_cr2(), frame.error_code), frame);
    } else {
        panic_here(format_into(reason, "{} (vector {}, error code {:x})", name_of(frame.vector), frame.vector,
                               frame.error_code),
                   frame);
    }
}

void panic_here(std::string_view reason, const TrapFrame& frame) {
    enter_panic();
    log(LogLevel::Error, "panic on CPU {}: {}", per_cpu().id, reason);
    print_registers(frame);
    if (in_guard_page(read_cr2())) log_text(LogLevel::Error, "the stack has overflowed");
    print_backtrace(frame.rip, frame.from_guest() ? 0 : frame.rbp);
    finish_panic();
}

}  // namespace hv::x86

namespace hv {

void panic_text(std::string_view reason) {
    x86::enter_panic();
    log(LogLevel::Error, "panic on CPU {}: {}", x86::per_cpu().id, reason);
    log(LogLevel::Error, "cr0 {:016x}  cr2 {:016x}  cr3 {:016x}  cr4 {:016x}", x86::read_cr0(), x86::read_cr2(),
        x86::read_cr3(), x86::read_cr4());
    x86::print_backtrace(reinterpret_cast<std::uint64_t>(__builtin_return_address(0)),
                         *static_cast<std::uint64_t*>(__builtin_frame_address(0)));
    x86::finish_panic();
}

}  // namespace hv
