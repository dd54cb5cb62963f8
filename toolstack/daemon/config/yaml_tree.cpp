#include "config/yaml_tree.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace hvctld::config {
namespace {

Position position_of(const YAML::Mark& mark, const std::string& source) {
    if (mark.is_null()) return {source, 1, 1};
    return {source, static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

std::size_t count_nodes(const YamlNode& node) {
    std::size_t count = 1;
    for (const auto& item : node.items) count += count_nodes(item);
    for (const auto& [key, value] : node.entries) count += 1 + count_nodes(value);
    return count;
}

std::size_t depth_of(const YamlNode& node) {
    std::size_t deepest = 0;
    for (const auto& item : node.items) deepest = std::max(deepest, depth_of(item));
    for (const auto& [key, value] : node.entries) deepest = std::max(deepest, depth_of(value));
    return deepest + 1;
}

// Builds the tree from yaml-cpp's events. Complete nodes go into the innermost open collection; a map that is waiting
// for a value has its key in `pending_key`.
class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(const std::string& source, YamlNode& root) : source_{source}, root_{root} {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        finish(make(mark, YamlNode::Kind::Null), anchor);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        YamlNode node = make(mark, YamlNode::Kind::Scalar);
        node.scalar = value;
        node.quoted = tag == "!";
        finish(std::move(node), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) throw YAML::ParserException(mark, "this alias names its own parent");
        count(mark, count_nodes(found->second));
        if (open_.size() + depth_of(found->second) > kMaxYamlDepth) too_deep(mark);
        YamlNode copy = found->second;
        copy.position = position_of(mark, source_);
        place(std::move(copy));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, YamlNode::Kind::Sequence, anchor);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, YamlNode::Kind::Map, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapEnd() override { close(); }

  private:
    struct Open {
        YamlNode node;
        YAML::anchor_t anchor;
        YamlNode pending_key;
        bool has_key = false;
    };

    YamlNode make(const YAML::Mark& mark, YamlNode::Kind kind) {
        count(mark, 1);
        YamlNode node;
        node.kind = kind;
        node.position = position_of(mark, source_);
        return node;
    }

    void count(const YAML::Mark& mark, std::size_t nodes) {
        nodes_ += nodes;
        if (nodes_ > kMaxYamlNodes)
            throw YAML::ParserException(mark, fmt::format("more than {} values, aliases included", kMaxYamlNodes));
    }

    [[noreturn]] static void too_deep(const YAML::Mark& mark) {
        throw YAML::ParserException(mark, fmt::format("nested more than {} levels deep", kMaxYamlDepth));
    }

    void open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor) {
        if (open_.size() + 1 >= kMaxYamlDepth) too_deep(mark);
        open_.push_back({make(mark, kind), anchor, {}, false});
    }

    void close() {
        Open done = std::move(open_.back());
        open_.pop_back();
        finish(std::move(done.node), done.anchor);
    }

    void finish(YamlNode node, YAML::anchor_t anchor) {
        if (anchor != 0) anchors_[anchor] = node;
        place(std::move(node));
    }

    void place(YamlNode node) {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Open& parent = open_.back();
        if (parent.node.kind == YamlNode::Kind::Sequence) {
            parent.node.items.push_back(std::move(node));
        } else if (!parent.has_key) {
            parent.pending_key = std::move(node);
            parent.has_key = true;
        } else {
            // Nothing has no place of its own: its key has.
            if (node.kind == YamlNode::Kind::Null) node.position = parent.pending_key.position;
            parent.node.entries.push_back({std::move(parent.pending_key), std::move(node)});
            parent.has_key = false;
        }
    }

    const std::string& source_;
    YamlNode& root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, YamlNode> anchors_;
    std::size_t nodes_ = 0;
};

}  // namespace

YamlNode* YamlNode::find(std::string_view key) {
    const auto found = std::ranges::find_if(entries, [&](const auto& entry) { return entry.key.scalar == key; });
    return found != entries.end() ? &found->value : nullptr;
}

std::string_view kind_name(YamlNode::Kind kind) {
    switch (kind) {
        case YamlNode::Kind::Null: return "nothing";
        case YamlNode::Kind::Scalar: return "a value";
        case YamlNode::Kind::Sequence: return "a list";
        case YamlNode::Kind::Map: return "a map";
    }
    return "nothing";
}

bool parse_yaml(std::string_view text, const std::string& source, Diagnostics& diagnostics, YamlNode& root) {
    if (text.size() > kMaxYamlBytes) {
        diagnostics.error({source, 0, 0}, fmt::format("{} bytes are more than the {} that a file may have", text.size(),
                                                      kMaxYamlBytes));
        return false;
    }
    try {
        std::istringstream stream{std::string{text}};
        YAML::Parser parser{stream};
        TreeBuilder builder{source, root};
        parser.HandleNextDocument(builder);
        YamlNode second;
        TreeBuilder rest{source, second};
        if (parser && parser.HandleNextDocument(rest) && second.kind != YamlNode::Kind::Null) {
            diagnostics.error(second.position, "a second document: a file holds one");
            return false;
        }
    } catch (const YAML::Exception& exception) {
        diagnostics.error(position_of(exception.mark, source), exception.msg);
        return false;
    }
    if (root.position.source.empty()) root.position = {source, 1, 1};
    return true;
}

}  // namespace hvctld::config
