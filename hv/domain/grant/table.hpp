// Grant tables: what a domain lets others use, and which of them use it.
//
// The guest writes its entries into shared pages and may change them at any time; what is true is in the
// active entries, which only hv sees. An entry is pinned while a domain uses it: the first use copies what it needs
// from the shared entry and marks that as being read or written (by compare-and-swap, so that the guest can see whether
// it may take it back).
//
// Locks: `lock_` (LockRank::GrantTable) guards the geometry and the active entries, for one entry's or one page's worth
// of work at a time: back ends in other domains wait for it. Two tables' locks are never held together. Page-table work
// (PageTables ranks lower) happens without it.
#pragma once

#include <cstdint>
#include <span>

#include "hv/abi/xen/grant_table.hpp"
#include "hv/base/result.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/domain/grant/maptrack.hpp"
#include "hv/domain/shared_page.hpp"
#include "hv/memory/heap.hpp"

namespace hv {

class Domain;
class FrameAudit;

struct GrantLimits {
    std::uint32_t max_frames = 0;  // 0: the default, as for the two below
    std::uint32_t max_maptrack_frames = 0;
    std::uint32_t max_version = 0;
};

enum class GrantUse : std::uint8_t { HostRead, HostWrite, DeviceRead, DeviceWrite };

inline constexpr DomainId kNoTransit{0xffff};  // in place of the domain at the end of a grant that leads to none

struct ActiveGrant {
    std::uint16_t pins[4]{};       // by GrantUse
    std::uint32_t frame = 0;       // machine frame; the entries below are valid while pinned
    GrantRef transitive_ref{};     // where the frame really comes from, when that is another domain's grant
    DomainId domain{};             // the user
    DomainId transitive_domain{};  // kNoTransit when it is the granting domain's own
    std::uint16_t start = 0;       // the part of the frame that is granted
    std::uint16_t length = 0;      // 0 means the whole page
    std::uint64_t padding = 0;

    std::uint16_t& uses(GrantUse use) { return pins[static_cast<unsigned>(use)]; }
    bool pinned() const { return (pins[0] | pins[1] | pins[2] | pins[3]) != 0; }
    bool write_pinned() const { return (pins[1] | pins[3]) != 0; }
};
static_assert(sizeof(ActiveGrant) == 32);

// What a pin gives: the frame, and the part of it that may be used.
struct PinnedGrant {
    Mfn frame;
    std::uint32_t start;
    std::uint32_t length;
    DomainId owner;  // of the frame: the granting domain, or the one at the end of a transitive grant
    // The entry at the end of a transitive grant, which is pinned as well; domain kNoTransit when there is none.
    GrantRef end_ref{};
    DomainId end_domain = kNoTransit;
};

// The outcome of one operation on a grant, as the guest sees it.
template <class T = void>
using GrantOutcome = std::expected<T, abi::xen::GrantResult>;

class GrantTable final {
  public:
    static constexpr std::uint32_t kDefaultMaxFrames = 64;

    GrantTable() = default;
    ~GrantTable();  // frees everything; nothing is pinned any more
    GrantTable(const GrantTable&) = delete;
    GrantTable& operator=(const GrantTable&) = delete;

    // Before the domain is published. Allocates nothing but a few words: pages come with the first use.
    Result<> init(Domain& domain, const GrantLimits& limits);
    // Teardown, after the domain's page tables are gone: forgets every mapping that it still has of others' grants.
    // Restart: call again.
    Result<> release_mappings();
    // Teardown, once the domain has no frames: gives the table's pages back, and whatever is still said to use
    // its entries is forgotten. Restart: call again.
    Result<> release_pages();
    // The same at once, for a table that cannot be reached any more; the destructor does it otherwise.
    void destroy();
    // Page `index` of the table (or of the version 2 status array), which grows up to it. For mapping
    // into the guest. BadArgument: above the limit, or status frames of a version 1 table; NoMemory.
    // Restart: it has grown by some; call again.
    Result<Mfn> frame(std::uint32_t index, bool status);
    // The toolstack's entries for the console and store rings; a zero frame is left out.
    Result<> seed(DomainId backend, Gfn console, Gfn store);

    // The hypercalls' core.
    Result<> grow(std::uint32_t frames);  // BadArgument above the limit
    std::uint32_t frame_count();
    std::uint32_t status_frame_count();
    std::uint32_t max_frames() const { return max_frames_; }
    std::uint32_t version();
    // Busy while others use grants; NotImplemented when 2 is not allowed. Restart: call again. There may be pages to
    // clear then, whose entries do not exist until it is done.
    Result<> set_version(std::uint32_t version);
    GrantOutcome<> swap(GrantRef a, GrantRef b);

    // Pins entry `ref` for `user` to map it.
    GrantOutcome<PinnedGrant> pin_for_map(GrantRef ref, DomainId user, bool readonly, bool host, bool device);
    // Pins it to copy from or to it; follows one transitive grant.
    GrantOutcome<PinnedGrant> pin_for_copy(GrantRef ref, DomainId user, bool readonly);
    // The end of one use of `user`'s. Drops the shared entry's marks with the last reader and
    // writer. Nothing happens when there is no such use: a mapping may outlive the domain that
    // granted it, and meet another one with its number.
    void unpin(GrantRef ref, DomainId user, GrantUse use);
    // The same for what pin_for_copy() gave. The entries may belong to other grants by now.
    void unpin_copy(GrantRef ref, DomainId user, bool readonly, const PinnedGrant& pinned);

    // The frame of an entry that `user` has pinned. BadHandle.
    GrantOutcome<Mfn> mapped_frame(GrantRef ref, DomainId user);

    Maptrack maptrack;
    void dump();
    // Its pages, the references that are in map tracks only, and pins against what their
    // users have (hv/memory/audit.hpp).
    void audit(FrameAudit& audit) const;

  private:
    friend class SharedGrant;
    static constexpr std::uint32_t kActivePerChunk = kPageSize / sizeof(ActiveGrant);
    static constexpr std::uint32_t kChunksPerFrame = 4;  // version 1: 512 entries
    // Of the table's pages, whose version 2 status entries fill one page.
    static constexpr std::uint32_t kFramesPerStatusFrame =
        sizeof(abi::xen::GrantEntryV2) / sizeof(abi::xen::GrantStatus);
    static constexpr std::uint32_t status_frames_for(std::uint32_t frames) {
        return (frames + kFramesPerStatusFrame - 1) / kFramesPerStatusFrame;
    }
    struct SharedFrame {
        SharedPage page;
        ActiveGrant* active[kChunksPerFrame]{};
    };

    // lock_ held.
    std::uint32_t entries() const;
    std::uint32_t entries_per_frame() const;
    ActiveGrant* find_active(GrantRef ref) const;  // null: never pinned
    template <class Visit>                         // (GrantRef, const ActiveGrant&)
    void for_each_pinned(Visit visit) const {
        for (GrantRef ref{0}; ref.raw < entries(); ++ref) {
            const ActiveGrant* active = find_active(ref);
            if (!active)
                ref.raw |= kActivePerChunk - 1;
            else if (active->pinned())
                visit(ref, *active);
        }
    }
    Result<ActiveGrant*> ensure_active(GrantRef ref);
    Result<> grow_locked(std::uint32_t frames);
    Result<> grow_status();
    Result<> reserve_frames(std::uint32_t frames);
    bool any_pinned_from(std::uint32_t first) const;  // `first` is few: those before it are looked at
    Result<> add_status_frame();
    bool withdraw_status();
    void clear_entries_of(std::uint32_t frame);
    Result<bool> change_version(std::uint32_t version);
    void free_last_frame();
    void free_status();
    void release_marks(GrantRef ref, const ActiveGrant& active, bool write);
    GrantOutcome<ActiveGrant*> enter(GrantRef ref, DomainId user);
    GrantOutcome<PinnedGrant> pin_for_copy_here(GrantRef ref, DomainId user, bool readonly, bool transitive,
                                                ActiveGrant& seen);

    Domain* domain_ = nullptr;
    Spinlock lock_{LockRank::GrantTable};
    std::uint32_t version_ = 1;
    std::uint32_t max_version_ = 2;
    std::uint32_t max_frames_ = 0;
    std::uint32_t frames_ = 0;
    std::uint32_t unclear_ = 0;        // the last so many of them hold entries of the version before still
    std::uint32_t capacity_ = 0;       // of shared_
    std::uint32_t status_frames_ = 0;  // kept, and withdrawn, while the version is 1
    std::uint32_t pinned_ = 0;         // entries that are
    OwnPtr<SharedFrame[]> shared_;
    OwnPtr<SharedPage[]> status_;   // of the same capacity / 8, rounded up
    GrantHandle next_release_ = 0;  // progress of release_mappings()
};

// As GrantTable::frame().
Result<Mfn> grant_frame(Domain& domain, std::uint32_t index, bool status);
// Debug key.
void dump_grants(Domain& domain);

}  // namespace hv
