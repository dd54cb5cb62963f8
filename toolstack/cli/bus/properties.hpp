// A D-Bus dictionary as hvctld answers it. Dictionaries only gain keys, so an absent key is never an error.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace hvctl::cli {

using Value = std::variant<std::string, std::uint64_t, std::int64_t, bool, double, std::vector<std::string>>;

class Properties : public std::map<std::string, Value, std::less<>> {
  public:
    using map::map;

    bool has(std::string_view key) const { return find(key) != end(); }

    std::string text(std::string_view key, std::string otherwise = {}) const {
        auto found = find(key);
        if (found == end()) return otherwise;
        const auto* value = std::get_if<std::string>(&found->second);
        return value != nullptr ? *value : otherwise;
    }

    std::uint64_t number(std::string_view key, std::uint64_t otherwise = 0) const {
        auto found = find(key);
        if (found == end()) return otherwise;
        if (const auto* value = std::get_if<std::uint64_t>(&found->second)) return *value;
        const auto* value = std::get_if<std::int64_t>(&found->second);
        return value != nullptr && *value >= 0 ? static_cast<std::uint64_t>(*value) : otherwise;
    }

    bool flag(std::string_view key) const {
        auto found = find(key);
        if (found == end()) return false;
        const auto* value = std::get_if<bool>(&found->second);
        return value != nullptr && *value;
    }

    std::vector<std::string> texts(std::string_view key) const {
        auto found = find(key);
        if (found == end()) return {};
        const auto* value = std::get_if<std::vector<std::string>>(&found->second);
        return value != nullptr ? *value : std::vector<std::string>{};
    }
};

}  // namespace hvctl::cli
