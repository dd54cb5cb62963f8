// The one way down a tree of page tables. What an entry means, and where the tables are, is the format's:
//
//   struct Format {
//       using Entry = ...;
//       static constexpr unsigned kLevels = ...;            // the root table's
//       static Entry* table(Mfn frame);                     // its entries
//       static bool leads_on(Entry entry, unsigned level);  // to a table of the level below, not to a page or nothing
//       static Mfn frame(Entry entry);                      // of that table
//   };
#pragma once

#include <cstdint>

#include "hv/x86/paging/entry.hpp"

namespace hv::x86 {

// Where a walk has ended: at an entry of a table of `level`, which was `entry` when it was read, once.
template <class Format>
struct WalkEnd {
    typename Format::Entry* place;
    typename Format::Entry entry;
    unsigned level;
};

// To the entry of level `lowest` that translates `address`, or to the first one on the way that does not lead on.
template <class Format>
inline WalkEnd<Format> walk(Mfn root, std::uint64_t address, unsigned lowest = 1) {
    Mfn table = root;
    for (unsigned level = Format::kLevels;; --level) {
        auto* const place = Format::table(table) + index_in(level, address);
        const auto entry = __atomic_load_n(place, __ATOMIC_RELAXED);
        if (level == lowest || !Format::leads_on(entry, level)) return {place, entry, level};
        table = Format::frame(entry);
    }
}

}  // namespace hv::x86
