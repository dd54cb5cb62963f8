#include "core_mappings.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include "hvctl/page_tables.hpp"

namespace hvctl {

namespace {

constexpr std::uint64_t kLarge = 1u << 7;  // no PV guest has any
// Of one table: Linux has its first tables at two addresses, and one table of "no frame" at as many as its list of
// frames could ever take.
constexpr std::uint8_t kMostVisits = 4;
// At entries, over all tables: for each frame, and more.
constexpr std::uint64_t kMostLooks = 8;
constexpr std::uint64_t kMoreLooks = 1 << 16;
constexpr unsigned kEntryBits = 9;
constexpr unsigned kTopLevel = 4;
constexpr std::uint64_t kAddressBits = kPageShift + kTopLevel * kEntryBits;

class Walk {
  public:
    Walk(std::span<const OwnedFrame> frames, const ReadTable& read, const std::stop_token& cancel)
        : frames_{frames}, by_mfn_(frames.size()), visits_(frames.size()), read_{read}, cancel_{cancel} {
        std::iota(by_mfn_.begin(), by_mfn_.end(), 0u);
        std::ranges::sort(by_mfn_, {}, [this](std::uint32_t index) { return frames_[index].mfn; });
    }

    // The highest addresses first: a kernel has its own code there, and there may be more than fits.
    void root(Mfn frame) {
        const auto index = index_of(frame);
        if (!index) return;
        TableEntries entries;
        read_(frame, entries);
        for (std::uint64_t slot = entries.size(); slot-- > 0;)
            entry(entries[slot], kTopLevel, slot << (kAddressBits - kEntryBits));
    }

    std::vector<CoreMapping> take() {
        std::ranges::sort(mappings_, {}, &CoreMapping::address);
        return std::move(mappings_);
    }

  private:
    [[nodiscard]] std::optional<std::uint32_t> index_of(Mfn frame) const {
        const auto found =
            std::ranges::lower_bound(by_mfn_, frame, {}, [this](std::uint32_t index) { return frames_[index].mfn; });
        if (found == by_mfn_.end() || frames_[*found].mfn != frame) return std::nullopt;
        return *found;
    }

    // Tables that a guest has filled with what leads nowhere cost as much as others.
    [[nodiscard]] bool full() const {
        return mappings_.size() == kMostCoreMappings || looks_ > frames_.size() * kMostLooks + kMoreLooks;
    }

    void entry(std::uint64_t entry, unsigned level, std::uint64_t address) {
        if ((entry & kPtePresent) == 0 || full()) return;
        ++looks_;
        const Mfn next{(entry & kPteFrameMask) >> kPageShift};
        const auto index = index_of(next);
        if (!index) return;  // hv's own, another domain's, a device's
        if (level == 1) {
            add(address, *index);
        } else if (level == kTopLevel || (entry & kLarge) == 0) {
            table(next, *index, level - 1, address);
        }
    }

    void table(Mfn frame, std::uint32_t index, unsigned level, std::uint64_t address) {
        if (visits_[index] == kMostVisits || cancel_.stop_requested()) return;
        ++visits_[index];
        TableEntries entries;
        read_(frame, entries);
        for (std::uint64_t slot = 0; slot < entries.size(); ++slot)
            entry(entries[slot], level, address | slot << (kPageShift + (level - 1) * kEntryBits));
    }

    void add(std::uint64_t address, std::uint32_t index) {
        constexpr std::uint64_t kSign = 1ull << (kAddressBits - 1);
        if ((address & kSign) != 0) address |= ~((1ull << kAddressBits) - 1);
        if (!mappings_.empty()) {
            CoreMapping& last = mappings_.back();
            if (last.address + last.pages * kPageSize == address && last.first + last.pages == index) {
                ++last.pages;
                return;
            }
        }
        mappings_.push_back({address, 1, index});
    }

    std::span<const OwnedFrame> frames_;
    std::vector<std::uint32_t> by_mfn_;
    std::vector<std::uint8_t> visits_;
    std::uint64_t looks_ = 0;
    const ReadTable& read_;
    const std::stop_token& cancel_;
    std::vector<CoreMapping> mappings_;
};

}  // namespace

std::vector<CoreMapping> find_mappings(std::span<const OwnedFrame> frames, Mfn root, const ReadTable& read,
                                       const std::stop_token& cancel) {
    Walk walk{frames, read, cancel};
    walk.root(root);
    return walk.take();
}

}  // namespace hvctl
