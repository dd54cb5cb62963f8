// Reads a map of the configuration language key by key; a key that was never asked for is unknown.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/values.hpp"
#include "config/yaml_tree.hpp"

namespace hvctld::config {

class MapReader {
  public:
    // `what` names the map in messages: "a domain", "a disk".
    MapReader(const YamlNode& map, std::string_view what, Diagnostics& diagnostics);

    // The value of a key, or null when it is absent. Makes the key a known one.
    const YamlNode* take(std::string_view key);
    // The same for a key that must be there.
    const YamlNode* require(std::string_view key);

    // Each leaves `value` alone when the key is absent or wrong.
    void text(std::string_view key, std::string& value, std::size_t longest);
    void path(std::string_view key, std::string& value);
    void size(std::string_view key, std::uint64_t& value);
    void number(std::string_view key, std::uint32_t& value, std::uint32_t least, std::uint32_t most);
    void percent(std::string_view key, std::uint32_t& value, std::uint32_t most);
    void seconds(std::string_view key, std::uint32_t& value);
    void boolean(std::string_view key, bool& value);

    // One of `words`: its index, or -1.
    int choice(std::string_view key, std::span<const std::string_view> words);

    // A value's text, or null after a complaint when it is not a scalar.
    const std::string* scalar(const YamlNode& node, std::string_view key);

    // Complains about duplicate and unknown keys; the last call.
    void finish();

    [[nodiscard]] const Position& position() const { return map_.position; }

  private:
    template <class Value, class Parse>
    void parsed(std::string_view key, Value& value, Parse parse);

    const YamlNode& map_;
    std::string_view what_;
    Diagnostics& diagnostics_;
    std::vector<std::string_view> known_;
};

// Complains unless `node` is of that kind.
bool expect(const YamlNode& node, YamlNode::Kind kind, std::string_view key, Diagnostics& diagnostics);

}  // namespace hvctld::config
