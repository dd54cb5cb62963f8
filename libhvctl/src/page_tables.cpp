#include "hvctl/page_tables.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <vector>

#include "hvctl/try.hpp"

namespace hvctl {

namespace {

constexpr unsigned kEntries = 512;
constexpr unsigned kL1Shift = 21;  // what one L1 spans, as a power of two
constexpr unsigned kL2Shift = 30;
constexpr unsigned kL3Shift = 39;

// Tables of one level that a range needs, and of two ranges without counting shared ones twice.
std::uint64_t tables(const MappedRange& range, const MappedRange* other, unsigned shift) {
    const auto first = [shift](const MappedRange& r) { return r.address >> shift; };
    const auto last = [shift](const MappedRange& r) {
        return (r.address + ((r.frames.count - 1) << kPageShift)) >> shift;
    };
    const std::uint64_t count = last(range) - first(range) + 1;
    if (other == nullptr || other->frames.count == 0) return count;
    const std::uint64_t from = std::max(first(range), first(*other));
    const std::uint64_t to = std::min(last(range), last(*other));
    return count + last(*other) - first(*other) + 1 - (from <= to ? to - from + 1 : 0);
}

class TableWriter {
  public:
    TableWriter(const PvLayout& layout, const DomainMemory& memory)
        : layout_{layout}, memory_{memory}, tables_(layout.page_tables.count) {}

    Result<void> map(const MappedRange& range) {
        for (std::uint64_t i = 0; i < range.frames.count;) {
            const std::uint64_t address = range.address + (i << kPageShift);
            auto& l1 = *TRY(l1_for(address));
            for (unsigned slot = index(address, kPageShift); slot < kEntries && i < range.frames.count; ++slot, ++i) {
                l1[slot] = leaf(range.frames.first + i);
            }
        }
        return {};
    }

    [[nodiscard]] std::span<const std::byte> bytes() const { return std::as_bytes(std::span{tables_}); }
    [[nodiscard]] std::uint64_t used() const { return used_; }

  private:
    using Table = std::array<std::uint64_t, kEntries>;

    static constexpr std::uint64_t kAlways = kPtePresent | kPteUser | kPteAccessed;

    static unsigned index(std::uint64_t address, unsigned shift) {
        return static_cast<unsigned>(address >> shift) % kEntries;
    }

    [[nodiscard]] std::uint64_t leaf(Pfn pfn) const {
        const bool table = pfn >= layout_.page_tables.first && pfn < layout_.page_tables.end();
        return memory_.mfn(pfn).raw << kPageShift | kAlways | kPteDirty | (table ? 0 : kPteWritable);
    }

    // The L1 that spans `address`, made with everything above it where it is missing.
    Result<Table*> l1_for(std::uint64_t address) {
        std::uint64_t table = 0;
        for (const unsigned shift : {kL3Shift, kL2Shift, kL1Shift}) {
            const auto [place, added] = children_.try_emplace({shift, address >> shift}, used_);
            if (added) {
                if (used_ == tables_.size()) return fail(ErrorCode::Internal, "page tables were counted too low");
                ++used_;
                tables_[table][index(address, shift)] =
                    memory_.mfn(layout_.page_tables.first + place->second).raw << kPageShift | kAlways | kPteWritable;
            }
            table = place->second;
        }
        return &tables_[table];
    }

    const PvLayout& layout_;
    const DomainMemory& memory_;
    std::vector<Table> tables_;
    std::map<std::pair<unsigned, std::uint64_t>, std::uint64_t> children_;  // (level, prefix) to number of the table
    std::uint64_t used_ = 1;                                                // the L4
};

}  // namespace

PageTableCounts count_page_tables(const MappedRange& initial, const std::optional<MappedRange>& p2m) {
    const MappedRange* other = p2m ? &*p2m : nullptr;
    return {.l1 = tables(initial, other, kL1Shift),
            .l2 = tables(initial, other, kL2Shift),
            .l3 = tables(initial, other, kL3Shift),
            .l4 = 1};
}

Result<void> write_page_tables(const PvLayout& layout, DomainMemory& memory) {
    TableWriter writer{layout, memory};
    TRY(writer.map(layout.initial));
    if (!layout.p2m_in_initial) TRY(writer.map({layout.p2m_address, layout.p2m}));
    if (writer.used() != layout.page_tables.count) {
        return fail(ErrorCode::Internal, fmt::format("{} page tables were set aside and {} were used",
                                                     layout.page_tables.count, writer.used()));
    }
    return memory.write(layout.page_tables.first, 0, writer.bytes());
}

}  // namespace hvctl
