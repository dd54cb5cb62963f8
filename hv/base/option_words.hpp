// Words of options as administrators write them: lists "a,b=c,no-d", switches "yes" and "off".
#pragma once

#include <optional>
#include <string_view>

namespace hv {

// Cuts what stands before `separator` off `text`, and the separator; all of it when there is none.
std::string_view take_until(std::string_view& text, char separator);

// "yes", "on", "true", "enable", "1" and nothing at all are true; "no", "off", "false", "disable", "0" false.
std::optional<bool> parse_bool(std::string_view text);

// What is wrong with an option, or with a word of its value, for the administrator to read.
using OptionComplaint = void (*)(std::string_view option, std::string_view why);

// "name", "name=value" or "no-name".
struct OptionWord {
    std::string_view name;
    std::optional<std::string_view> value;
    bool negated = false;

    explicit OptionWord(std::string_view word);
    // What the word says as a switch; nothing when its value is none.
    std::optional<bool> as_bool() const;
};

}  // namespace hv
