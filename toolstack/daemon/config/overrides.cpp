#include "config/overrides.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace hvctld::config {
namespace {

void place_everywhere(YamlNode& node, const Position& position) {
    node.position = position;
    for (auto& item : node.items) place_everywhere(item, position);
    for (auto& [key, value] : node.entries) {
        place_everywhere(key, position);
        place_everywhere(value, position);
    }
}

std::optional<std::size_t> index_of(std::string_view text) {
    std::size_t index = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return index;
}

// The node that one step of a dotted key leads to, made if it is not there. Null after a complaint.
YamlNode* step(YamlNode& parent, std::string_view part, const Position& position, Diagnostics& diagnostics) {
    const auto index = index_of(part);
    if (parent.kind == YamlNode::Kind::Null) {
        parent.kind = index ? YamlNode::Kind::Sequence : YamlNode::Kind::Map;
        parent.position = position;
    }
    if (parent.kind == YamlNode::Kind::Sequence) {
        if (!index || *index > parent.items.size()) {
            diagnostics.error(position, fmt::format("\"{}\" is not a place in a list of {}; the next free one is {}",
                                                    part, parent.items.size(), parent.items.size()));
            return nullptr;
        }
        if (*index == parent.items.size()) parent.items.emplace_back().position = position;
        return &parent.items[*index];
    }
    if (parent.kind != YamlNode::Kind::Map) {
        diagnostics.error(position, fmt::format("\"{}\" cannot be set inside {}", part, kind_name(parent.kind)));
        return nullptr;
    }
    if (YamlNode* found = parent.find(part)) return found;
    YamlNode key;
    key.kind = YamlNode::Kind::Scalar;
    key.position = position;
    key.scalar = part;
    YamlNode value;
    value.position = position;
    parent.entries.push_back({std::move(key), std::move(value)});
    return &parent.entries.back().value;
}

void apply(YamlNode& root, const std::string& text, Diagnostics& diagnostics) {
    const Position position{fmt::format("override \"{}\"", text), 0, 0};
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
        diagnostics.error(position, "not of the form key=value");
        return;
    }
    const std::string_view path = std::string_view{text}.substr(0, equals);
    if (std::ranges::count(path, '.') >= static_cast<std::ptrdiff_t>(kMaxYamlDepth)) {
        diagnostics.error(position, "too many dots in the key");
        return;
    }
    YamlNode value;
    Diagnostics inner;
    if (equals + 1 == text.size()) {
        value.kind = YamlNode::Kind::Scalar;  // as a shell has it: nothing is an empty text
    } else if (!parse_yaml(std::string_view{text}.substr(equals + 1), "value", inner, value)) {
        diagnostics.error(position, fmt::format("not a YAML value: {}", inner.errors().front()));
        return;
    }
    place_everywhere(value, position);
    YamlNode* node = &root;
    for (std::string_view rest = path;;) {
        const std::size_t dot = rest.find('.');
        node = step(*node, rest.substr(0, dot), position, diagnostics);
        if (node == nullptr) return;
        if (dot == std::string_view::npos) break;
        rest.remove_prefix(dot + 1);
    }
    *node = std::move(value);
}

}  // namespace

void apply_overrides(YamlNode& root, std::span<const std::string> overrides, Diagnostics& diagnostics) {
    std::size_t bytes = 0;
    for (const std::string& text : overrides) bytes += text.size();
    if (bytes > kMaxYamlBytes || overrides.size() > kMaxYamlNodes) {
        diagnostics.error({"overrides", 0, 0},
                          fmt::format("{} overrides of {} bytes are more than the {} of {} that a domain "
                                      "may have",
                                      overrides.size(), bytes, kMaxYamlNodes, kMaxYamlBytes));
        return;
    }
    for (const std::string& text : overrides) apply(root, text, diagnostics);
}

}  // namespace hvctld::config
