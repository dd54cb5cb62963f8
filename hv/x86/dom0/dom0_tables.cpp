#include "hv/x86/dom0/dom0_tables.hpp"

#include "hv/memory/frame.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"

namespace hv::x86 {
namespace {

constexpr Pte kTableFlags = kPtePresent | kPteWritable | kPteUser | kPteAccessed | kPteDirty;
constexpr Pte kPageFlags = kPtePresent | kPteWritable | kPteAccessed | kPteDirty;
constexpr Pte kTablePageFlags = kPtePresent | kPteAccessed | kPteDirty;

// Maps pages one after the other, taking new tables from a run of pfns.
class Mapper {
  public:
    Mapper(Dom0Memory& memory, std::uint64_t l4_pfn, std::uint64_t first_free, std::uint64_t tables_begin,
           std::uint64_t tables_end)
        : memory_{memory}, l4_{l4_pfn}, free_{first_free}, begin_{tables_begin}, end_{tables_end} {}

    void map(std::uint64_t address, std::uint64_t pfn) {
        const std::uint64_t l3 = below(l4_, index_in(4, address));
        const std::uint64_t l2 = below(l3, index_in(3, address));
        const std::uint64_t l1 = below(l2, index_in(2, address));
        const bool table = pfn >= begin_ && pfn < end_;
        entries(l1)[index_in(1, address)] = make_pte(memory_.mfn(pfn), table ? kTablePageFlags : kPageFlags);
    }

  private:
    Pte* entries(std::uint64_t pfn) { return static_cast<Pte*>(memory_.page(pfn)); }

    // Tables are found again through the machine-to-phys table.
    std::uint64_t below(std::uint64_t table, unsigned index) {
        Pte& entry = entries(table)[index];
        if (!is_present(entry)) {
            entry = make_pte(memory_.mfn(free_), kTableFlags);
            return free_++;
        }
        return m2p(frame_in(entry));
    }

    Dom0Memory& memory_;
    std::uint64_t l4_;
    std::uint64_t free_;
    std::uint64_t begin_, end_;
};

}  // namespace

void write_tables(Dom0Memory& memory, const Dom0Layout& layout, std::optional<std::uint64_t> init_p2m) {
    Mapper image{memory, layout.tables_pfn, layout.tables_pfn + 1, layout.tables_pfn,
                 layout.tables_pfn + layout.tables};
    for (std::uint64_t pfn = 0; pfn < layout.mapped_frames; ++pfn) image.map(layout.virtual_of(pfn), pfn);
    if (!init_p2m) return;
    Mapper list{memory, layout.tables_pfn, layout.p2m_tables_pfn, layout.p2m_tables_pfn,
                layout.p2m_tables_pfn + layout.p2m_tables};
    for (std::uint64_t i = 0; i < layout.p2m_frames; ++i) list.map(*init_p2m + (i << kPageShift), layout.p2m_pfn + i);
}

}  // namespace hv::x86
