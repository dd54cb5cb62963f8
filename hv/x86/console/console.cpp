// Output: log lines go to the ring and, by level, to the devices; a guest's raw output goes to the devices only.
#include "hv/x86/console/console.hpp"

#include <algorithm>
#include <atomic>
#include <span>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/console.hpp"
#include "hv/time/timer_queue.hpp"
#include "hv/x86/apic/interrupts.hpp"
#include "hv/x86/console/input.hpp"
#include "hv/x86/console/log_ring.hpp"
#include "hv/x86/console/uart.hpp"
#include "hv/x86/console/vga_text.hpp"

namespace hv::x86 {
namespace {

constinit Spinlock console_lock{LockRank::Console};
constinit LogRing ring;
constinit Uart uarts[2];
constinit VgaText vga;
constinit LogThreshold thresholds[2] = {{4, 4}, {0, 2}};  // hv's own lines, lines about guests
constinit bool in_panic = false;
constinit bool screen_released = false;
constinit std::atomic<bool> loses_nothing{false};

// Of what waits for a serial port: lines about guests, and what Dom0 writes, leave some room for hv's own lines.
constexpr std::size_t kOwnRoom = 16 * 1024;

// At most kBurst lines each kPeriod for levels that are limited; the number suppressed is told when lines flow again.
class RateLimit {
  public:
    bool allow(Nanoseconds now, std::uint32_t& suppressed) {
        suppressed = 0;
        if (now - period_start_ > kPeriod) {
            period_start_ = now;
            used_ = 0;
            suppressed = suppressed_;
            suppressed_ = 0;
        }
        if (used_ >= kBurst) {
            ++suppressed_;
            return false;
        }
        ++used_;
        return true;
    }

  private:
    static constexpr Nanoseconds kPeriod = 5'000'000'000;
    static constexpr std::uint32_t kBurst = 10;
    Nanoseconds period_start_ = 0;
    std::uint32_t used_ = 0, suppressed_ = 0;
};
// One for each pair of thresholds, and kAboutGuests for lines of hv's own levels that are about guests: what a guest
// provokes must not use up the room for what hv says of itself.
constinit RateLimit rate_limits[3];
constexpr unsigned kAboutGuests = 2;

void write_devices(std::span<const std::string_view> parts, std::size_t spare) {
    for (auto& uart : uarts) uart.write(parts, spare, loses_nothing.load(std::memory_order_relaxed));
    if (screen_released && !in_panic) return;
    for (const std::string_view part : parts) vga.write(part);
}

void write_line(std::string_view prefix, std::string_view line, bool show, bool about_guest) {
    const std::string_view parts[] = {prefix, line, "\n"};
    ring.append(parts, about_guest);
    if (show) write_devices(parts, about_guest ? kOwnRoom : 0);
}

std::string_view prefix_into(std::span<char> out) {
    const auto microseconds = static_cast<std::uint64_t>(time::now()) / 1000;
    return format_into(out, "(hv) [{:5}.{:06}] ", microseconds / 1000000, microseconds % 1000000);
}

// A panic may interrupt a holder of the lock.
class ConsoleGuard {
  public:
    ConsoleGuard() : locked_{!in_panic} {
        if (locked_) console_lock.lock();
    }
    ~ConsoleGuard() {
        if (locked_) console_lock.unlock();
    }

  private:
    bool locked_;
};

// `levels`: which thresholds count.
void log_line(unsigned levels, unsigned rank, std::string_view line, bool about_guest) {
    char buffer[40];
    const std::string_view prefix = prefix_into(buffer);
    ConsoleGuard guard;
    bool show = rank < thresholds[levels].always || in_panic;
    if (!show && rank < thresholds[levels].limited) {
        std::uint32_t suppressed = 0;
        show = rate_limits[levels == 0 && about_guest ? kAboutGuests : levels].allow(time::now(), suppressed);
        if (suppressed != 0) {
            char note[48];
            write_line(prefix, format_into(note, "{} lines were not printed", suppressed), true, about_guest);
        }
    }
    write_line(prefix, line, show, about_guest);
}

void console_interrupt(void*) {
    {
        ConsoleGuard guard;
        for (auto& uart : uarts) uart.service();
    }
    poll_console_input();
    ConsoleGuard guard;
    for (auto& uart : uarts) uart.rearm();
}

constexpr Nanoseconds kPollPeriod = 50'000'000;
constexpr Nanoseconds kOutputPeriod = 1'000'000;  // less than a full FIFO takes
constinit Timer poll_timer{};

void poll_again(void*) {
    poll_console_input();
    bool waits = false;
    {
        ConsoleGuard guard;
        for (auto& uart : uarts) {
            uart.poll();
            waits |= uart.waits();
        }
    }
    set_timer(poll_timer, time::now() + (waits ? kOutputPeriod : kPollPeriod));
}

}  // namespace

void start_console(const BootOptions& options, const BootDisplay& display) {
    thresholds[0] = options.log_level;
    thresholds[1] = options.guest_log_level;
    for (unsigned i = 0; i < 2; ++i)
        if (options.console_serial[i]) uarts[i].start(i, options.serial[i]);
    if (options.console_vga) vga.start(display);
}

void enable_console_interrupts() {
    bool poll = false;
    for (auto& uart : uarts) {
        if (!uart.present()) continue;
        if (connect_isa_interrupt(uart.irq(), console_interrupt, nullptr)) {
            ConsoleGuard guard;
            uart.use_interrupts();
        } else {
            ConsoleGuard guard;
            uart.use_polling();
            poll = true;
        }
    }
    if (!poll) return;
    init_timer(poll_timer, poll_again, nullptr, CpuId{0});
    poll_again(nullptr);
}

void release_screen() {
    ConsoleGuard guard;
    screen_released = true;
}

void console_enter_panic() {
    in_panic = true;
    for (auto& uart : uarts) uart.write_at_once();
}

void finish_output() {
    ConsoleGuard guard;
    for (auto& uart : uarts) uart.flush();
}

void poll_console_input() {
    for (;;) {
        char character;
        bool found = false;
        {
            ConsoleGuard guard;
            for (auto& uart : uarts) {
                if (uart.get(character)) {
                    found = true;
                    break;
                }
            }
        }
        if (!found) return;
        handle_typed_character(character);
    }
}

}  // namespace hv::x86

namespace hv {

using namespace x86;

void log_text(LogLevel level, std::string_view line) {
    if (level >= LogLevel::GuestError) {
        log_line(1, static_cast<unsigned>(level) - static_cast<unsigned>(LogLevel::GuestError), line, true);
    } else {
        log_line(0, static_cast<unsigned>(level), line, false);
    }
}

void log_text_about_guest(LogLevel level, std::string_view line) {
    log_line(0, static_cast<unsigned>(level), line, true);
}

LogRead read_log(std::uint64_t position, std::span<char> out) {
    ConsoleGuard guard;
    return ring.read(position, out);
}

void clear_log() {
    ConsoleGuard guard;
    ring.clear();
}

bool write_console(std::string_view text) {
    ConsoleGuard guard;
    if (!std::ranges::all_of(uarts, [text](const Uart& uart) { return uart.has_room(text.size(), kOwnRoom); }))
        return false;
    write_devices({&text, 1}, kOwnRoom);
    return true;
}

void console_loses_nothing(bool wanted) {
    loses_nothing.store(wanted, std::memory_order_relaxed);
}

bool console_counter(std::uint32_t index, const char*& name, std::uint64_t& value) {
    if (index != 0) return false;
    name = "lost_characters";
    value = 0;
    for (const Uart& uart : uarts) value += uart.lost();
    return true;
}

}  // namespace hv
