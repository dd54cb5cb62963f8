#include "base/log.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/journal_socket.hpp"

namespace hvctld::log {
namespace {

Level threshold = Level::Info;

bool under_systemd() {
    static const bool answer = std::getenv("JOURNAL_STREAM") != nullptr;
    return answer;
}

bool to_journal(Level level, const Context& context, std::optional<std::uint32_t> user, std::string_view text) {
    static JournalSocket journal;
    JournalSocket::Fields fields{{"MESSAGE", std::string{text}},
                                 {"PRIORITY", fmt::format("{}", static_cast<unsigned>(level))},
                                 {"SYSLOG_IDENTIFIER", "hvctld"}};
    if (!context.domain.empty()) fields.emplace_back("HVCTL_DOMAIN", context.domain);
    if (context.job != 0) fields.emplace_back("HVCTL_JOB", fmt::format("{}", context.job));
    if (!context.code.empty()) fields.emplace_back("HVCTL_ERROR", context.code);
    if (!context.volume.empty()) fields.emplace_back("HVCTL_VOLUME", context.volume);
    if (user) fields.emplace_back("HVCTL_UID", fmt::format("{}", *user));
    return journal.send(fields);
}

// Where systemd has put a stream to the journal there, that may be full, and is not waited for.
void to_stderr(const std::string& line) {
    if (send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ENOTSOCK)
        std::fputs(line.c_str(), stderr);
}

void write_line(Level level, const Context& context, std::optional<std::uint32_t> user, std::string_view text) {
    std::string line;
    if (!context.domain.empty()) line += fmt::format("{}: ", context.domain);
    if (!context.volume.empty()) line += fmt::format("volume {}: ", context.volume);
    if (context.job != 0) line += fmt::format("job {}: ", context.job);
    line += text;
    if (under_systemd() && to_journal(level, context, user, line)) return;
    to_stderr(fmt::format("hvctld: {}\n", line));
}

}  // namespace

void set_level(Level level) {
    threshold = level;
}

bool enabled(Level level) {
    return level <= threshold;
}

void write(Level level, const Context& context, std::string_view text) {
    if (enabled(level)) write_line(level, context, std::nullopt, text);
}

void audit(const Context& context, std::uint32_t user, std::string_view text) {
    write_line(Level::Notice, context, user, fmt::format("{}, by user {}", text, user));
}

}  // namespace hvctld::log
