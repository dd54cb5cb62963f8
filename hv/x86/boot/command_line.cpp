#include "hv/x86/boot/command_line.hpp"

#include <algorithm>
#include <limits>

#include "hv/domain/limits.hpp"

namespace hv::x86 {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t largest) {
    unsigned base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    }
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (char character : text) {
        unsigned digit = 99;
        if (character >= '0' && character <= '9') digit = static_cast<unsigned>(character - '0');
        if (character >= 'a' && character <= 'f') digit = static_cast<unsigned>(character - 'a') + 10;
        if (character >= 'A' && character <= 'F') digit = static_cast<unsigned>(character - 'A') + 10;
        if (digit >= base || value > (largest - digit) / base) return std::nullopt;
        value = value * base + digit;
    }
    return value;
}

bool set_bool(bool& option, std::string_view value) {
    const auto parsed = parse_bool(value);
    if (parsed) option = *parsed;
    return parsed.has_value();
}

// One term of an amount: "1G" or "25%". Each kind may be there once.
bool add_term(MemoryAmount& amount, std::string_view text) {
    if (text.ends_with('%')) {
        const auto percent = parse_number(text.substr(0, text.size() - 1), 100);
        if (!percent || *percent == 0 || amount.percent != 0) return false;
        amount.percent = static_cast<std::uint8_t>(*percent);
        return true;
    }
    const auto bytes = parse_size(text);
    if (!bytes || *bytes == 0 || amount.bytes != 0) return false;
    amount.bytes = *bytes;
    return true;
}

std::optional<MemoryAmount> parse_amount(std::string_view text) {
    MemoryAmount amount;
    if (text.starts_with('-')) {
        amount.all_but = true;
        text.remove_prefix(1);
    }
    const bool sum = text.find('+') != std::string_view::npos;
    if (!add_term(amount, take_until(text, '+'))) return std::nullopt;
    if (sum && !add_term(amount, text)) return std::nullopt;
    return amount;
}

// All words of a value count, or none.
bool parse_dom0_memory(Dom0MemoryOptions& options, std::string_view value) {
    Dom0MemoryOptions wanted = options;
    do {
        std::string_view part = take_until(value, ',');
        auto* target = &wanted.initial;
        if (part.starts_with("min:")) target = &wanted.least;
        if (part.starts_with("max:")) target = &wanted.most;
        if (target != &wanted.initial) part.remove_prefix(4);
        const auto amount = parse_amount(part);
        if (!amount) return false;
        *target = amount;
    } while (!value.empty());
    options = wanted;
    return true;
}

bool parse_dom0_vcpus(BootOptions& options, std::string_view value) {
    const bool range = value.find('-') != std::string_view::npos;
    const std::string_view first = take_until(value, '-');
    const auto low = parse_number(first, kMaxVcpus);
    if (!range) {
        if (!low || *low == 0) return false;
        options.dom0_vcpus_min = options.dom0_vcpus_max = static_cast<std::uint32_t>(*low);
        return true;
    }
    const auto high = value.empty() ? std::optional<std::uint64_t>{0} : parse_number(value, kMaxVcpus);
    if ((!first.empty() && !low) || !high || (*high != 0 && low && *low > *high)) return false;
    options.dom0_vcpus_min = first.empty() ? 0 : static_cast<std::uint32_t>(*low);
    options.dom0_vcpus_max = static_cast<std::uint32_t>(*high);
    return true;
}

bool parse_frame(SerialOptions& serial, std::string_view frame) {
    if (frame.size() != 3 || frame[0] < '5' || frame[0] > '8' || frame[2] < '1' || frame[2] > '2') return false;
    if (std::string_view{"noems"}.find(frame[1]) == std::string_view::npos) return false;
    serial.data_bits = static_cast<std::uint8_t>(frame[0] - '0');
    serial.parity = frame[1];
    serial.stop_bits = static_cast<std::uint8_t>(frame[2] - '0');
    return true;
}

bool parse_serial(SerialOptions& serial, std::string_view value) {
    serial.wanted = true;
    std::string_view baud = take_until(value, ',');
    baud = take_until(baud, '/');  // the base clock after '/' is always the PC's
    if (!baud.empty() && baud != "auto") {
        const auto number = parse_number(baud, 115200);
        if (!number || *number == 0) return false;
        serial.baud = static_cast<std::uint32_t>(*number);
    }
    const std::string_view frame = take_until(value, ',');
    if (!frame.empty() && !parse_frame(serial, frame)) return false;
    const std::string_view base = take_until(value, ',');
    if (!base.empty()) {
        const auto number = parse_number(base, 0xfff8);
        if (!number) return false;
        serial.io_base = static_cast<std::uint16_t>(*number);
    }
    const std::string_view irq = take_until(value, ',');
    if (!irq.empty()) {
        const auto number = parse_number(irq, 15);
        if (!number) return false;
        serial.irq = static_cast<std::uint8_t>(*number);
    }
    return true;
}

bool parse_console(BootOptions& options, std::string_view value) {
    if (!options.console_given) options.console_vga = false;
    options.console_given = true;
    while (!value.empty()) {
        const std::string_view name = take_until(value, ',');
        if (name == "com1") {
            options.console_serial[0] = true;
        } else if (name == "com2") {
            options.console_serial[1] = true;
        } else if (name == "vga") {
            options.console_vga = true;
        } else if (name != "none") {
            return false;
        }
    }
    return true;
}

bool parse_level(LogThreshold& threshold, std::string_view value) {
    const auto level = [](std::string_view name) -> std::optional<std::uint8_t> {
        if (name == "none") return std::uint8_t{0};
        if (name == "error") return std::uint8_t{1};
        if (name == "warning") return std::uint8_t{2};
        if (name == "info") return std::uint8_t{3};
        if (name == "debug" || name == "all") return std::uint8_t{4};
        return std::nullopt;
    };
    const bool two = value.find('/') != std::string_view::npos;
    const auto always = level(take_until(value, '/'));
    const auto limited = two ? level(value) : always;
    if (!always || !limited) return false;
    threshold = {*always, std::max(*always, *limited)};
    return true;
}

// ucode=: unknown words are named, and the others count.
void parse_microcode(MicrocodeOptions& options, std::string_view value, OptionComplaint complain) {
    constexpr std::uint64_t kMostModules = 1000;
    do {
        const std::string_view text = take_until(value, ',');
        const bool from_end = text.starts_with('-');
        if (const auto number = parse_number(text.substr(from_end ? 1 : 0), kMostModules)) {
            options.module = static_cast<int>(*number) * (from_end ? -1 : 1);
            continue;
        }
        const OptionWord word{text};
        const auto wanted = word.as_bool();
        if (word.name == "scan" && wanted) {
            options.scan = *wanted;
        } else if (word.name == "allow-same" && wanted) {
            if (*wanted) complain(text, "ucode: what a processor has is not loaded again");
        } else if (word.name != "nmi" || !wanted) {
            complain(text, "ucode: unknown word or malformed value");
        }
    } while (!value.empty());
}

bool set_number(std::uint32_t& option, std::string_view value, std::uint32_t least, std::uint32_t most) {
    const auto number = parse_number(value, most);
    if (number && *number >= least) option = static_cast<std::uint32_t>(*number);
    return number && *number >= least;
}

// Options of Xen's that mean nothing here. They are accepted without a word, so that a command line for Xen can stay as
// it is.
bool is_accepted_elsewhere(std::string_view name) {
    static constexpr std::string_view kNames[] = {"real-mode", "placeholder", "edd",       "edid",
                                                  "vga",       "iommu",       "sched",     "cpufreq",
                                                  "dom0",      "crashkernel", "bootscrub", "sync_console"};
    return std::ranges::find(kNames, name) != std::end(kNames);
}

bool parse_reboot(BootOptions& options, std::string_view value) {
    static constexpr std::string_view kMethods[] = {"a", "acpi", "k", "kbd", "t", "triple"};
    if (std::ranges::find(kMethods, value) == std::end(kMethods)) return false;
    options.reboot_method = value;
    return true;
}

enum class Verdict { Fine, Malformed, Unknown };

Verdict apply(BootOptions& options, std::string_view name, std::string_view value, OptionComplaint complain) {
    const auto verdict = [](bool fine) { return fine ? Verdict::Fine : Verdict::Malformed; };
    if (name == "dom0_mem") return verdict(parse_dom0_memory(options.dom0_memory, value));
    if (name == "dom0_max_vcpus") return verdict(parse_dom0_vcpus(options, value));
    if (name == "dom0_vcpus_pin") return verdict(set_bool(options.dom0_vcpus_pin, value));
    if (name == "com1") return verdict(parse_serial(options.serial[0], value));
    if (name == "com2") return verdict(parse_serial(options.serial[1], value));
    if (name == "console") return verdict(parse_console(options, value));
    if (name == "loglvl") return verdict(parse_level(options.log_level, value));
    if (name == "guest_loglvl") return verdict(parse_level(options.guest_log_level, value));
    if (name == "noreboot") return verdict(set_bool(options.no_reboot, value));
    if (name == "watchdog_timeout") return verdict(set_number(options.watchdog_timeout_seconds, value, 1, 3600));
    if (name == "watchdog") return verdict(set_bool(options.watchdog, value == "force" ? "" : value));
    if (name == "measure_interrupts_off") return verdict(set_bool(options.measure_interrupts_off, value));
    if (name == "maxcpus") return verdict(set_number(options.max_cpus, value, 1, kMaxCpus));
    if (name == "x2apic") return verdict(set_bool(options.x2apic, value));
    if (name == "smep") return verdict(set_bool(options.smep, value));
    if (name == "pv-linear-pt") return verdict(set_bool(options.linear_tables, value));
    if (name == "smap") return verdict(set_bool(options.smap, value));
    if (apply_leak_option(options.leaks, name, value, complain)) return Verdict::Fine;
    if (name == "ucode") {
        parse_microcode(options.microcode, value, complain);
        return Verdict::Fine;
    }
    if (name == "sched-gran") {
        if (value != "cpu") complain(value, "sched-gran: hv schedules single CPUs; smt=off keeps domains off one core");
        return Verdict::Fine;
    }
    if (name == "reboot") return verdict(parse_reboot(options, value));
    if (name == "smp" || name == "nosmp") {
        bool value_set = true;
        if (!set_bool(value_set, value)) return Verdict::Malformed;
        if ((name == "nosmp") == value_set) options.max_cpus = 1;
        return Verdict::Fine;
    }
    return is_accepted_elsewhere(name) ? Verdict::Fine : Verdict::Unknown;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
    if (text.empty()) return std::nullopt;
    unsigned shift = 10;
    bool suffix = true;
    switch (text.back()) {
        case 'B':
        case 'b': shift = 0; break;
        case 'K':
        case 'k': shift = 10; break;
        case 'M':
        case 'm': shift = 20; break;
        case 'G':
        case 'g': shift = 30; break;
        case 'T':
        case 't': shift = 40; break;
        default: suffix = false; break;
    }
    if (suffix && !text.starts_with("0x")) text.remove_suffix(1);
    const auto number = parse_number(text, std::numeric_limits<std::uint64_t>::max() >> shift);
    if (!number) return std::nullopt;
    return *number << shift;
}

std::uint64_t MemoryAmount::of(std::uint64_t total) const {
    const std::uint64_t share = total / 100 * percent + total % 100 * percent / 100;
    const std::uint64_t amount = bytes > std::numeric_limits<std::uint64_t>::max() - share
                                     ? std::numeric_limits<std::uint64_t>::max()
                                     : bytes + share;
    if (all_but) return amount < total ? total - amount : 0;
    return amount;
}

BootOptions parse_command_line(std::string_view text, OptionComplaint complain) {
    BootOptions options;
    while (!text.empty()) {
        const std::size_t start = text.find_first_not_of(" \t\r\n");
        if (start == std::string_view::npos) break;
        text.remove_prefix(start);
        const std::size_t length = std::min(text.find_first_of(" \t\r\n"), text.size());
        const std::string_view option = text.substr(0, length);
        text.remove_prefix(length);

        std::string_view value = option;
        std::string_view name = take_until(value, '=');
        const BootOptions before = options;
        const bool blank = value.empty() && option.ends_with('=');
        Verdict verdict = apply(options, name, value, complain);
        if (verdict == Verdict::Unknown && name.starts_with("no-") && value.empty() && !blank)
            verdict = apply(options, name.substr(3), "no", complain);
        // `smt=`, from a script without a value, is not `smt`. These have complained themselves.
        const bool told = name == "spec-ctrl" || name == "ucode" || name == "sched-gran";
        if (verdict == Verdict::Fine && blank && !told) {
            options = before;
            verdict = Verdict::Malformed;
        }
        // A loader may pass the image's own path as the first word.
        if (verdict == Verdict::Unknown && name.find('/') != std::string_view::npos) continue;
        if (verdict == Verdict::Malformed) complain(option, "malformed value");
        if (verdict == Verdict::Unknown) complain(option, "unknown option");
    }
    return options;
}

}  // namespace hv::x86
