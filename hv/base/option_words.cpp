#include "hv/base/option_words.hpp"

namespace hv {

std::string_view take_until(std::string_view& text, char separator) {
    const std::size_t at = text.find(separator);
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return part;
}

std::optional<bool> parse_bool(std::string_view text) {
    if (text.empty() || text == "1" || text == "yes" || text == "on" || text == "true" || text == "enable") return true;
    if (text == "0" || text == "no" || text == "off" || text == "false" || text == "disable") return false;
    return std::nullopt;
}

OptionWord::OptionWord(std::string_view word) : name{word} {
    if (const std::size_t at = word.find('='); at != std::string_view::npos) {
        name = word.substr(0, at);
        value = word.substr(at + 1);
    } else if (word.starts_with("no-")) {
        name = word.substr(3);
        negated = true;
    }
}

std::optional<bool> OptionWord::as_bool() const {
    if (negated) return false;
    if (!value) return true;
    return value->empty() ? std::nullopt : parse_bool(*value);
}

}  // namespace hv
