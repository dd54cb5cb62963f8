// Writes a frozen tree as records, a piece at a time, while the store goes on changing its own.
#pragma once

#include <string>
#include <vector>

#include "store/access.hpp"
#include "store/record.hpp"
#include "store/tree.hpp"

namespace hvctld::store {

class TreeSnapshot {
  public:
    // `incarnations` stays the store's own: a right that was void when a node is written stays so.
    TreeSnapshot(const Tree& tree, const Incarnations& incarnations);

    // Writes nodes until `writer` holds `bytes` or more. False: everything is written.
    bool step(RecordWriter& writer, std::size_t bytes);

  private:
    void write_node(RecordWriter& writer, const Node& node, bool root);
    Tree tree_;
    const Incarnations& incarnations_;
    struct Level {
        const Node* node;
        std::string last_child;  // the child of `node` that was written last; empty: none yet
        std::size_t path_bytes;
    };
    std::vector<Level> levels_;
    std::string path_;
    bool root_written_ = false;
};

}  // namespace hvctld::store
