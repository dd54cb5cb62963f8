#include "core_mappings.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include "hvctl/page_tables.hpp"

namespace hvctl {

namespace {

constexpr std::uint64_t kLarge = 1u << 7;  // no PV guest has any
constexpr unsigned kEntryBits = 9;
constexpr unsigned kTopLevel = 4;
constexpr std::uint64_t kAddressBits = kPageShift + kTopLevel * kEntryBits;

class Walk {
  public:
    Walk(std::span<const OwnedFrame> frames, const ReadTable& read, const std::stop_token& cancel)
        : frames_{frames},
          by_mfn_(frames.size()),
          tables_left_{frames.size() * 2 + kTopLevel},
          read_{read},
          cancel_{cancel} {
        std::iota(by_mfn_.begin(), by_mfn_.end(), 0u);
        std::ranges::sort(by_mfn_, {}, [this](std::uint32_t index) { return frames_[index].mfn; });
    }

    void table(Mfn frame, unsigned level, std::uint64_t address) {
        if (tables_left_ == 0 || full() || cancel_.stop_requested()) return;
        --tables_left_;
        TableEntries entries;
        read_(frame, entries);
        for (std::uint64_t slot = 0; slot < entries.size(); ++slot) {
            const std::uint64_t entry = entries[slot];
            if ((entry & kPtePresent) == 0) continue;
            const Mfn next{(entry & kPteFrameMask) >> kPageShift};
            const auto index = index_of(next);
            if (!index) continue;  // hv's own, another domain's, a device's
            const std::uint64_t here = address | slot << (kPageShift + (level - 1) * kEntryBits);
            if (level == 1) {
                add(here, *index);
            } else if (level == kTopLevel || (entry & kLarge) == 0) {
                table(next, level - 1, here);
            }
        }
    }

    std::vector<CoreMapping> take() { return std::move(mappings_); }
    [[nodiscard]] std::optional<std::uint32_t> index_of(Mfn frame) const {
        const auto found =
            std::ranges::lower_bound(by_mfn_, frame, {}, [this](std::uint32_t index) { return frames_[index].mfn; });
        if (found == by_mfn_.end() || frames_[*found].mfn != frame) return std::nullopt;
        return *found;
    }

  private:
    [[nodiscard]] bool full() const { return mappings_.size() == kMostCoreMappings; }

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
        if (!full()) mappings_.push_back({address, 1, index});
    }

    std::span<const OwnedFrame> frames_;
    std::vector<std::uint32_t> by_mfn_;
    std::uint64_t tables_left_;
    const ReadTable& read_;
    const std::stop_token& cancel_;
    std::vector<CoreMapping> mappings_;
};

}  // namespace

std::vector<CoreMapping> find_mappings(std::span<const OwnedFrame> frames, Mfn root, const ReadTable& read,
                                       const std::stop_token& cancel) {
    Walk walk{frames, read, cancel};
    if (walk.index_of(root)) walk.table(root, kTopLevel, 0);
    return walk.take();
}

}  // namespace hvctl
