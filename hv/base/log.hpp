// Logging and panics. Levels are Xen's: `loglvl=` and `guest_loglvl=` on the command line choose what is printed; all
// of it goes to the log ring that `hvctl dmesg` reads.
#pragma once

#include "hv/base/format.hpp"
#include "hv/base/result.hpp"

namespace hv {

enum class LogLevel : std::uint8_t { Error, Warning, Info, Debug, GuestError, GuestWarning, GuestInfo, GuestDebug };

// Seams: the console in x86/ and the tests implement them.
void log_text(LogLevel level, std::string_view line);  // one line without its newline
// The same for a line of one of hv's own levels that a guest has caused: it is shown as hv's own are, and kept with
// those about guests, which displace each other alone.
void log_text_about_guest(LogLevel level, std::string_view line);
[[noreturn]] void panic_text(std::string_view reason);  // prints registers and a backtrace, then reboots

template <class... Arguments>
void log(LogLevel level, std::string_view pattern, const Arguments&... arguments) {
    char line[256];
    log_text(level, format_into(line, pattern, arguments...));
}
template <class... Arguments>
void log_about_guest(LogLevel level, std::string_view pattern, const Arguments&... arguments) {
    char line[256];
    log_text_about_guest(level, format_into(line, pattern, arguments...));
}
template <class... Arguments>
void info(std::string_view pattern, const Arguments&... arguments) {
    log(LogLevel::Info, pattern, arguments...);
}
template <class... Arguments>
void warn(std::string_view pattern, const Arguments&... arguments) {
    log(LogLevel::Warning, pattern, arguments...);
}
template <class... Arguments>
[[noreturn]] void panic(std::string_view pattern, const Arguments&... arguments) {
    char line[256];
    panic_text(format_into(line, pattern, arguments...));
}

// An invariant of hv itself. Never for anything that a guest can influence.
#define HV_ASSERT(condition)                                                              \
    do {                                                                                  \
        if (!(condition)) [[unlikely]]                                                    \
            ::hv::panic("assertion failed: {} at {}:{}", #condition, __FILE__, __LINE__); \
    } while (false)

}  // namespace hv
