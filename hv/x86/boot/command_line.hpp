// hv's command line. Names and forms are those that administrators know from Xen (docs: hv-command-line(7)).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hv/base/log.hpp"
#include "hv/base/option_words.hpp"
#include "hv/x86/boot/module_roles.hpp"
#include "hv/x86/leaks/options.hpp"

namespace hv::x86 {

// "512M", "50%", their sum "1G+25%", or "-1G+25%": what is left without that.
struct MemoryAmount {
    std::uint64_t bytes = 0;
    std::uint8_t percent = 0;
    bool all_but = false;
    // In bytes; may be more than `total`. 0 when nothing is left.
    std::uint64_t of(std::uint64_t total) const;
};

// dom0_mem=: words that were not given are empty (dom0/dom0_memory_plan.hpp says what that means).
struct Dom0MemoryOptions {
    std::optional<MemoryAmount> initial, least, most;
};

struct SerialOptions {
    std::uint32_t baud = 0;  // 0: leave the loader's setting alone
    std::uint8_t data_bits = 8;
    char parity = 'n';
    std::uint8_t stop_bits = 1;
    std::uint16_t io_base = 0;  // 0: the standard one
    std::uint8_t irq = 0;       // 0: the standard one
    bool wanted = false;        // comN= was given
};

// Lines of a level below `always` are printed; between it and `limited`, printed at a limited rate.
struct LogThreshold {
    std::uint8_t always;   // number of levels, counted from Error: 0 none .. 4 all
    std::uint8_t limited;  // >= always
};

struct BootOptions {
    Dom0MemoryOptions dom0_memory;
    std::uint32_t dom0_vcpus_min = 0, dom0_vcpus_max = 0;  // 0: as many as CPUs
    bool dom0_vcpus_pin = false;
    SerialOptions serial[2];
    bool console_serial[2] = {false, false};
    bool console_vga = true;
    bool console_given = false;
#ifdef NDEBUG
    LogThreshold log_level{3, 3};
#else
    LogThreshold log_level{4, 4};
#endif
    LogThreshold guest_log_level{0, 2};
    bool no_reboot = false;
    bool watchdog = false;
    bool measure_interrupts_off = false;
    std::uint32_t watchdog_timeout_seconds = 5;
    std::uint32_t max_cpus = kMaxCpus;
    bool x2apic = true;
    bool smep = true;
    bool smap = true;
    bool linear_tables = false;  // Dom0's
    LeakOptions leaks;
    MicrocodeOptions microcode;
    std::string_view reboot_method;  // "a", "acpi", "k", "kbd", "t", "triple"; empty: all in turn
};

// Unknown and malformed options are reported to `complain` and otherwise ignored: a typing error must not keep a
// machine from booting.
BootOptions parse_command_line(std::string_view text, OptionComplaint complain);

// "512M" in bytes: K, M, G, T, B; without a suffix KiB, as in Xen. Nothing on a malformed or overflowing size.
std::optional<std::uint64_t> parse_size(std::string_view text);

// The machine's, valid from the first lines of start_machine() on.
const BootOptions& boot_options();

}  // namespace hv::x86
