#include "base/log.hpp"

#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace hvctld::log {
namespace {

Level threshold = Level::Info;

bool under_systemd() {
    static const bool answer = std::getenv("JOURNAL_STREAM") != nullptr;
    return answer;
}

bool to_journal(Level level, const Context& context, std::string_view text) {
    std::array<std::string, 5> fields{fmt::format("MESSAGE={}", text),
                                      fmt::format("PRIORITY={}", static_cast<unsigned>(level))};
    std::size_t count = 2;
    if (!context.domain.empty()) fields[count++] = fmt::format("HVCTL_DOMAIN={}", context.domain);
    if (context.job != 0) fields[count++] = fmt::format("HVCTL_JOB={}", context.job);
    if (!context.code.empty()) fields[count++] = fmt::format("HVCTL_ERROR={}", context.code);
    std::array<iovec, 5> vectors{};
    for (std::size_t i = 0; i < count; ++i) vectors[i] = {fields[i].data(), fields[i].size()};
    return sd_journal_sendv(vectors.data(), static_cast<int>(count)) == 0;
}

}  // namespace

void set_level(Level level) {
    threshold = level;
}

bool enabled(Level level) {
    return level <= threshold;
}

void write(Level level, const Context& context, std::string_view text) {
    if (!enabled(level)) return;
    std::string line;
    if (!context.domain.empty()) line += fmt::format("{}: ", context.domain);
    if (context.job != 0) line += fmt::format("job {}: ", context.job);
    line += text;
    if (under_systemd() && to_journal(level, context, line)) return;
    std::fputs(fmt::format("hvctld: {}\n", line).c_str(), stderr);
}

}  // namespace hvctld::log
