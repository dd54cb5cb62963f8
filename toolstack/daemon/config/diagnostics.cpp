#include "config/diagnostics.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hvctld::config {
namespace {

constexpr std::size_t kMaxMessages = 50;
constexpr std::size_t kLongestText = 400;  // bytes; what a file says may be quoted in a message

// A message is one line, whatever it quotes.
std::string shown(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool begins_character = (byte & 0xc0) != 0x80;
        if (out.size() >= kLongestText && begins_character) return out + "...";
        if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
    return out;
}

void add(std::vector<std::string>& messages, const Position& position, std::string_view text) {
    if (messages.size() == kMaxMessages) messages.emplace_back("... and more");
    if (messages.size() > kMaxMessages) return;
    messages.push_back(fmt::format("{}: {}", to_string(position), shown(text)));
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
