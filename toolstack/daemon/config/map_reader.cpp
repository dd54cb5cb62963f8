#include "config/map_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <climits>

#include "config/suggest.hpp"
#include "config/xl_file.hpp"

namespace hvctld::config {

namespace {

// Escapes and texts of several lines bring them in; nothing that a definition names has one.
std::string control_character_in(std::string_view text) {
    const auto found = std::ranges::find_if(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
    if (found == text.end()) return {};
    if (*found == '\n') return "the text has a line break; write it in one line, or with \">-\" over several";
    return fmt::format("the text has a control character (0x{:02x}); remove it", static_cast<unsigned char>(*found));
}

// YAML's own keys and those of other tools, which are not just slips.
std::string_view advice_on_key(std::string_view key) {
    if (key == "<<") return "merge keys (\"<<\") are not taken; write the keys out";
    return {};
}

}  // namespace

MapReader::MapReader(const YamlNode& map, std::string_view what, Diagnostics& diagnostics)
    : map_{map}, what_{what}, diagnostics_{diagnostics} {}

const YamlNode* MapReader::take(std::string_view key) {
    known_.push_back(key);
    const auto found = std::ranges::find_if(map_.entries, [&](const auto& entry) { return entry.key.scalar == key; });
    return found != map_.entries.end() ? &found->value : nullptr;
}

const YamlNode* MapReader::require(std::string_view key) {
    const YamlNode* node = take(key);
    if (node == nullptr) diagnostics_.error(map_.position, fmt::format("{} needs the key \"{}\"", what_, key));
    return node;
}

const std::string* MapReader::scalar(const YamlNode& node, std::string_view key) {
    return expect(node, YamlNode::Kind::Scalar, key, diagnostics_) ? &node.scalar : nullptr;
}

template <class Value, class Parse>
void MapReader::parsed(std::string_view key, Value& value, Parse parse) {
    const YamlNode* node = take(key);
    if (node == nullptr) return;
    const std::string* text = scalar(*node, key);
    if (text == nullptr) return;
    if (const auto result = parse(*text)) {
        value = static_cast<Value>(*result);
    } else {
        diagnostics_.error(node->position, fmt::format("{}: {}", key, result.error()));
    }
}

void MapReader::text(std::string_view key, std::string& value, std::size_t longest) {
    parsed(key, value, [&](const std::string& text) -> Parsed<std::string> {
        if (text.size() > longest)
            return std::unexpected(fmt::format("{} bytes are more than the {} allowed", text.size(), longest));
        if (std::string problem = control_character_in(text); !problem.empty()) return std::unexpected(problem);
        return text;
    });
}

void MapReader::path(std::string_view key, std::string& value) {
    parsed(key, value, [](const std::string& text) -> Parsed<std::string> {
        if (!text.starts_with('/')) return std::unexpected(fmt::format("\"{}\" is not an absolute path", text));
        if (text.size() >= PATH_MAX) return std::unexpected("the path is too long");
        if (std::string problem = control_character_in(text); !problem.empty()) return std::unexpected(problem);
        return text;
    });
}

void MapReader::size(std::string_view key, std::uint64_t& value) {
    parsed(key, value, [](const std::string& text) { return parse_size(text); });
}

void MapReader::number(std::string_view key, std::uint32_t& value, std::uint32_t least, std::uint32_t most) {
    parsed(key, value, [=](const std::string& text) { return parse_number(text, least, most); });
}

void MapReader::percent(std::string_view key, std::uint32_t& value, std::uint32_t most) {
    parsed(key, value, [=](const std::string& text) { return parse_percent(text, most); });
}

void MapReader::seconds(std::string_view key, std::uint32_t& value) {
    parsed(key, value, [](const std::string& text) { return parse_seconds(text); });
}

void MapReader::boolean(std::string_view key, bool& value) {
    parsed(key, value, [](const std::string& text) { return parse_boolean(text); });
}

int MapReader::choice(std::string_view key, std::span<const std::string_view> words) {
    int index = -1;
    parsed(key, index, [&](const std::string& text) -> Parsed<int> {
        const auto found = std::ranges::find(words, text);
        if (found != words.end()) return static_cast<int>(found - words.begin());
        const std::string_view near = nearest_word(text, words);
        const std::string hint = near.empty() ? std::string{} : fmt::format("; did you mean \"{}\"?", near);
        return std::unexpected(fmt::format("\"{}\" is not one of {}{}", text, fmt::join(words, ", "), hint));
    });
    return index;
}

void MapReader::finish() {
    for (std::size_t i = 0; i < map_.entries.size(); ++i) {
        const YamlNode& key = map_.entries[i].key;
        if (!expect(key, YamlNode::Kind::Scalar, "a key", diagnostics_)) continue;
        const auto earlier = std::find_if(map_.entries.begin(), map_.entries.begin() + static_cast<std::ptrdiff_t>(i),
                                          [&](const auto& entry) { return entry.key.scalar == key.scalar; });
        if (earlier != map_.entries.begin() + static_cast<std::ptrdiff_t>(i)) {
            diagnostics_.error(key.position, fmt::format("the key \"{}\" is already set at {}", key.scalar,
                                                         to_string(earlier->key.position)));
        } else if (const std::string_view advice = advice_on_key(key.scalar); !advice.empty()) {
            diagnostics_.error(key.position, advice);
        } else if (std::ranges::find(known_, key.scalar) == known_.end()) {
            const std::string_view xl = key_for_xl(key.scalar);
            const std::string_view near =
                std::ranges::find(known_, xl) != known_.end() ? xl : nearest_word(key.scalar, known_);
            diagnostics_.error(
                key.position,
                near.empty() ? fmt::format("unknown key \"{}\" in {}", key.scalar, what_)
                             : fmt::format("unknown key \"{}\" in {}; did you mean \"{}\"?", key.scalar, what_, near));
        }
    }
}

bool expect(const YamlNode& node, YamlNode::Kind kind, std::string_view key, Diagnostics& diagnostics) {
    if (node.kind == kind) return true;
    diagnostics.error(node.position, fmt::format("{} must be {}, not {}", key, kind_name(kind), kind_name(node.kind)));
    return false;
}

}  // namespace hvctld::config
