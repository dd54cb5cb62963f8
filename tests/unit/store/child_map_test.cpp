// The persistent map of children against std::map, with snapshots taken along the way.
#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "store/node.hpp"
#include "store/tree.hpp"

namespace hvctld::store::test {
namespace {

using namespace std::string_literals;
using Model = std::map<std::string, std::string>;

Model contents(const ChildMap& map) {
    Model model;
    map.visit_from(0,
                   [&](const std::string& name, const Node& node) { return model.emplace(name, node.value).second; });
    return model;
}

TEST(ChildMap, BehavesLikeAMapAndSnapshotsStay) {
    std::mt19937 random{7};
    ChildMap map;
    Model model;
    std::vector<std::pair<ChildMap, Model>> snapshots;
    for (int round = 0; round < 4000; ++round) {
        const std::string name = std::to_string(random() % 300);
        const std::string value = std::to_string(round);
        if (!model.contains(name)) {
            Ref<Node> node{new Node};
            node->value = value;
            map.insert(name, node);
            model[name] = value;
        } else if (random() % 2 == 0) {
            map.erase(name);
            model.erase(name);
        } else {
            map.own(name).own().value = value;
            model[name] = value;
        }
        if (round % 200 == 0) snapshots.emplace_back(map, model);
    }
    snapshots.emplace_back(map, model);
    for (const auto& [snapshot, expected] : snapshots) {
        EXPECT_EQ(contents(snapshot), expected);
        EXPECT_EQ(snapshot.size(), expected.size());
    }
}

TEST(ChildMap, ListingsGoOnAtAnyByte) {
    ChildMap map;
    std::string all;
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < 200; ++i) {
        map.insert(std::string(i % 7 + 1, static_cast<char>('a' + i % 26)) + std::to_string(i), Ref{new Node});
    }
    map.visit_from(0, [&](const std::string& name, const Node&) {
        starts.push_back(all.size());
        all += name;
        all += '\0';
        return true;
    });
    EXPECT_EQ(map.list_bytes(), all.size());
    for (std::size_t offset = 0; offset <= all.size(); ++offset) {
        const auto start = std::ranges::lower_bound(starts, offset);
        std::string first;
        map.visit_from(offset, [&](const std::string& name, const Node&) {
            first = name;
            return false;
        });
        EXPECT_EQ(first, start == starts.end() ? ""s : std::string{all.c_str() + *start});
    }
}

TEST(ChildMap, StepsFromNameToName) {
    ChildMap map;
    EXPECT_EQ(map.first().node, nullptr);
    for (const char* name : {"b", "d", "f"}) map.insert(name, Ref{new Node});
    EXPECT_EQ(*map.first().name, "b");
    EXPECT_EQ(*map.after("a").name, "b");
    EXPECT_EQ(*map.after("b").name, "d");
    EXPECT_EQ(*map.after("e").name, "f");
    EXPECT_EQ(map.after("f").name, nullptr);
}

TEST(Tree, CopiesAreSnapshots) {
    Tree tree;
    const auto permissions = tree.root().permissions;
    tree.create("/a", "1", permissions, 1);
    tree.create("/a/b", "1", permissions, 2);
    const Tree before = tree;
    const Node* const untouched = tree.find("/a/b");
    tree.set_value("/a", "2", 3);
    EXPECT_EQ(before.find("/a")->value, "1");
    EXPECT_EQ(tree.find("/a")->value, "2");
    EXPECT_EQ(tree.find("/a/b"), untouched);  // shared, not copied
    tree.remove("/a", 4);
    EXPECT_EQ(tree.find("/a/b"), nullptr);
    EXPECT_EQ(before.find("/a/b")->value, "1");
    EXPECT_EQ(tree.nearest("/a/b/c").path, "/");
    EXPECT_EQ(before.nearest("/a/b/c").path, "/a/b");
}

TEST(Tree, DeepPathsAreFine) {
    Tree tree;
    std::string path;
    for (int depth = 0; depth < 1536; ++depth) {
        path += "/d";
        tree.create(path, "", tree.root().permissions, 1);
    }
    std::size_t count = 0;
    Tree::visit(tree.root(), [&](const Node&) { ++count; });
    EXPECT_EQ(count, 1537u);
    const Tree copy = tree;
    tree.set_value(path, "x", 2);
    EXPECT_EQ(copy.find(path)->value, "");
}

}  // namespace
}  // namespace hvctld::store::test
