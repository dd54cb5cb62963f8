#include "config/diagnostics.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hvctld::config {
namespace {

constexpr std::size_t kMaxMessages = 50;

void add(std::vector<std::string>& messages, const Position& position, std::string_view text) {
    if (messages.size() == kMaxMessages) messages.emplace_back("... and more");
    if (messages.size() > kMaxMessages) return;
    messages.push_back(fmt::format("{}: {}", to_string(position), text));
}

}  // namespace

std::string to_string(const Position& position) {
    if (position.line == 0) return position.source;
    return fmt::format("{}:{}:{}", position.source, position.line, position.column);
}

void Diagnostics::error(const Position& position, std::string_view text) {
    add(errors_, position, text);
}

void Diagnostics::warning(const Position& position, std::string_view text) {
    add(warnings_, position, text);
}

std::string Diagnostics::text() const {
    return fmt::format("{}", fmt::join(errors_, "\n"));
}

}  // namespace hvctld::config
