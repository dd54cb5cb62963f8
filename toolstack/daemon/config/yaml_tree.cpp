#include "config/yaml_tree.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <sstream>

#include "config/yaml_advice.hpp"

namespace hvctld::config {
namespace {

Position position_of(const YAML::Mark& mark, const std::string& source) {
    if (mark.is_null()) return {source, 1, 1};
    return {source, static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

struct Amount {
    std::size_t nodes = 0;
    std::size_t bytes = 0;  // of scalars
};

void add_amount(const YamlNode& node, Amount& amount) {
    ++amount.nodes;
    amount.bytes += node.scalar.size();
    for (const auto& item : node.items) add_amount(item, amount);
    for (const auto& [key, value] : node.entries) {
        add_amount(key, amount);
        add_amount(value, amount);
    }
}

std::size_t depth_of(const YamlNode& node) {
    std::size_t deepest = 0;
    for (const auto& item : node.items) deepest = std::max(deepest, depth_of(item));
    for (const auto& [key, value] : node.entries) deepest = std::max(deepest, depth_of(value));
    return deepest + 1;
}

// yaml-cpp's ways to say that a plain scalar or a collection, and a scalar in quotes, have no tag.
constexpr std::string_view kUntagged = "?";
constexpr std::string_view kQuoted = "!";

// A tag as it stands in files: "!!int" for the long name that yaml-cpp makes of it.
std::string shown_tag(std::string_view tag) {
    constexpr std::string_view kCore = "tag:yaml.org,2002:";
    return tag.starts_with(kCore) ? fmt::format("!!{}", tag.substr(kCore.size())) : std::string{tag};
}

// Thrown out of the parser: what is YAML and still not taken.
struct Refused {
    Position position;
    std::string why;
};

// Builds the tree from yaml-cpp's events. Complete nodes go into the innermost open collection; a map that is waiting
// for a value has its key in `pending_key`.
class TreeBuilder final : public YAML::EventHandler {
  public:
    TreeBuilder(const SourceText& file, YamlNode& root) : file_{file}, source_{file.source()}, root_{root} {}

    // The innermost bracket that is still open.
    [[nodiscard]] std::optional<OpenBracket> open_bracket() const {
        for (const Open& open : open_ | std::views::reverse) {
            if (!open.flow) continue;
            return OpenBracket{open.node.position, open.node.kind == YamlNode::Kind::Map ? '{' : '['};
        }
        return std::nullopt;
    }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        finish(make(mark, YamlNode::Kind::Null), anchor);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        YamlNode node = make(mark, YamlNode::Kind::Scalar);
        count(mark, {0, value.size()});
        node.scalar = value;
        node.quoted = tag == kQuoted;
        if (!node.quoted || file_.rest_of_line(node.position).starts_with('!')) refuse_tag(mark, tag);
        if (node.quoted && !quotes_close(file_, node.position))
            throw Refused{node.position, "these quotes are not closed"};
        finish(std::move(node), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) refuse(mark, "this alias names its own parent");
        Amount amount;
        add_amount(found->second, amount);
        count(mark, amount);
        if (open_.size() + depth_of(found->second) > kMaxYamlDepth) too_deep(mark);
        YamlNode copy = found->second;
        copy.position = position_of(mark, source_);
        place(std::move(copy));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value style) override {
        refuse_tag(mark, tag);
        open(mark, YamlNode::Kind::Sequence, anchor, style == YAML::EmitterStyle::Flow);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value style) override {
        refuse_tag(mark, tag);
        open(mark, YamlNode::Kind::Map, anchor, style == YAML::EmitterStyle::Flow);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapEnd() override { close(); }

  private:
    struct Open {
        YamlNode node;
        YAML::anchor_t anchor;
        bool flow;
        YamlNode pending_key;
        bool has_key = false;
    };

    YamlNode make(const YAML::Mark& mark, YamlNode::Kind kind) {
        count(mark, {1, 0});
        YamlNode node;
        node.kind = kind;
        node.position = position_of(mark, source_);
        return node;
    }

    [[noreturn]] void refuse(const YAML::Mark& mark, std::string why) const {
        throw Refused{position_of(mark, source_), std::move(why)};
    }

    // A tag would say that a value is something else than it looks like; dropping it would change the file's meaning.
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
        if (tag.empty() || tag == kUntagged) return;
        refuse(mark, fmt::format("the tag {} is not taken; write the value alone", shown_tag(tag)));
    }

    void count(const YAML::Mark& mark, const Amount& more) {
        amount_.nodes += more.nodes;
        amount_.bytes += more.bytes;
        if (amount_.nodes > kMaxYamlNodes)
            refuse(mark, fmt::format("more than {} values, aliases included", kMaxYamlNodes));
        if (amount_.bytes > kMaxYamlBytes)
            refuse(mark, fmt::format("more than {} bytes of values, aliases included", kMaxYamlBytes));
    }

    [[noreturn]] void too_deep(const YAML::Mark& mark) const {
        refuse(mark, fmt::format("nested more than {} levels deep", kMaxYamlDepth));
    }

    void open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor, bool flow) {
        if (open_.size() + 1 >= kMaxYamlDepth) too_deep(mark);
        open_.push_back({make(mark, kind), anchor, flow, {}, false});
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

    const SourceText& file_;
    const std::string& source_;
    YamlNode& root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, YamlNode> anchors_;
    Amount amount_;
};

// The first document; what follows it may only be nothing.
bool read_document(const SourceText& file, Diagnostics& diagnostics, YamlNode& root) {
    TreeBuilder builder{file, root};
    try {
        std::istringstream stream{file.text()};
        YAML::Parser parser{stream};
        parser.HandleNextDocument(builder);
        while (parser) {
            YamlNode next;
            TreeBuilder rest{file, next};
            if (!parser.HandleNextDocument(rest) || next.kind == YamlNode::Kind::Null) continue;
            explain_second_document(file, next.position, diagnostics);
            return false;
        }
        return true;
    } catch (const Refused& refused) {
        diagnostics.error(refused.position, refused.why);
    } catch (const YAML::Exception& exception) {
        explain_yaml_error(file, exception.msg, position_of(exception.mark, file.source()), builder.open_bracket(),
                           diagnostics);
    }
    return false;
}

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
    const SourceText file{text, source};
    if (!file.check(diagnostics) || !read_document(file, diagnostics, root)) return false;
    if (root.position.source.empty()) root.position = {source, 1, 1};
    return true;
}

}  // namespace hvctld::config
