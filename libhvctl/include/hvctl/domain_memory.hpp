// Where a builder writes: a PV domain's memory by pseudo-physical frame, while nothing of it is a page table yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hvctl/control.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

class DomainMemory {
  public:
    virtual ~DomainMemory() = default;

    // How many frames there are; valid pfns are below it.
    [[nodiscard]] virtual std::uint64_t pages() const = 0;
    // The machine frame of a valid pfn.
    [[nodiscard]] virtual Mfn mfn(Pfn pfn) const = 0;
    // Writes `data` from byte `offset` of frame `first` on, across as many frames as it takes. TooLarge past the end.
    virtual Result<void> write(Pfn first, std::uint64_t offset, std::span<const std::byte> data) = 0;
    virtual Result<void> zero(Pfn first, std::uint64_t offset, std::uint64_t length) = 0;
};

// A real domain's memory, by hv's CopyMemory.
class PopulatedMemory final : public DomainMemory {
  public:
    // `frames[n]` backs pfn n.
    PopulatedMemory(const Control& control, DomainId domain, std::vector<Mfn> frames)
        : control_{control}, frames_{std::move(frames)}, domain_{domain} {}

    [[nodiscard]] std::uint64_t pages() const override { return frames_.size(); }
    [[nodiscard]] Mfn mfn(Pfn pfn) const override { return frames_[pfn.raw]; }
    Result<void> write(Pfn first, std::uint64_t offset, std::span<const std::byte> data) override;
    Result<void> zero(Pfn first, std::uint64_t offset, std::uint64_t length) override;
    // All of it, by pfn: the guest's phys-to-machine list.
    [[nodiscard]] std::span<const Mfn> frames() const { return frames_; }

  private:
    Control control_;
    std::vector<Mfn> frames_;
    DomainId domain_;
};

}  // namespace hvctl
