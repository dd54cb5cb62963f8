// A YAML document as a small tree that remembers where everything stood. Reading is bounded: in bytes, depth and nodes
// (aliases count as often as they are used, with all their bytes), so that no file can make the daemon work for long.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"

namespace hvctld::config {

inline constexpr std::size_t kMaxYamlBytes = 256 * 1024;
inline constexpr std::size_t kMaxYamlDepth = 16;
inline constexpr std::size_t kMaxYamlNodes = 8192;

struct YamlEntry;

struct YamlNode {
    enum class Kind : std::uint8_t { Null, Scalar, Sequence, Map };

    Kind kind = Kind::Null;
    bool quoted = false;  // a scalar in quotes: a string, whatever it looks like
    Position position;
    std::string scalar;
    std::vector<YamlNode> items;     // of a sequence
    std::vector<YamlEntry> entries;  // of a map, in the file's order, duplicates included

    [[nodiscard]] YamlNode* find(std::string_view key);
};

struct YamlEntry {
    YamlNode key;
    YamlNode value;
};

// "a map", "a list", "a value", "nothing"
std::string_view kind_name(YamlNode::Kind kind);

// The only document of `text`; an empty one is Null. What is wrong is added to `diagnostics`, and false returned.
bool parse_yaml(std::string_view text, const std::string& source, Diagnostics& diagnostics, YamlNode& root);

}  // namespace hvctld::config
