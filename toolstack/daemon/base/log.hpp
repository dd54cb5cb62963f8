// Logging: structured to the journal when systemd started the daemon, lines on stderr otherwise. Only the layers that
// decide log (manager, bus, main); what is below returns errors.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace hvctld::log {

enum class Level : std::uint8_t { Error = 3, Warning = 4, Notice = 5, Info = 6, Debug = 7 };  // syslog's numbers

// What a line is about; empty fields are left out.
struct Context {
    std::string_view domain;       // HVCTL_DOMAIN=
    std::uint64_t job = 0;         // HVCTL_JOB=
    std::string_view code;         // HVCTL_ERROR=, "HV-E0204"
    std::string_view volume = {};  // HVCTL_VOLUME=, "default/web1"
};

// Lines above this level are dropped; Info to begin with.
void set_level(Level level);
bool enabled(Level level);
void write(Level level, const Context& context, std::string_view text);

// What has been done to data that cannot be had back, and by whom: whatever the level is. `user` is HVCTL_UID=.
void audit(const Context& context, std::uint32_t user, std::string_view text);

template <class... Arguments>
void info(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    write(Level::Info, {}, fmt::format(format, std::forward<Arguments>(arguments)...));
}
template <class... Arguments>
void warning(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    write(Level::Warning, {}, fmt::format(format, std::forward<Arguments>(arguments)...));
}
template <class... Arguments>
void error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    write(Level::Error, {}, fmt::format(format, std::forward<Arguments>(arguments)...));
}

}  // namespace hvctld::log
