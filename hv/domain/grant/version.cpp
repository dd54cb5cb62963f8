// Changes to entries that do not come from their users: versions, the toolstack's reserved entries, swaps.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "hv/domain/domain.hpp"
#include "hv/domain/grant/shared.hpp"
#include "hv/domain/grant/table.hpp"
#include "hv/domain/restartable_lock.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

using namespace abi::xen;

namespace {

constexpr std::uint16_t kMarks = kGtfReading | kGtfWriting;

// A reserved entry in either version's terms.
struct Reserved {
    std::uint16_t flags = 0;  // with the marks, as version 1 has them
    std::uint16_t domain = 0;
    std::uint64_t frame = 0;
};

Reserved save(SharedGrant entry) {
    if (entry.v1()) return {entry.v1()->flags, entry.v1()->domid, entry.v1()->frame};
    const GrantEntryV2 copy = *entry.v2();
    const auto flags = static_cast<std::uint16_t>(copy.header.flags & ~kMarks);
    // Only what version 1 can say survives.
    if ((flags & kGtfTypeMask) != kGtfPermitAccess || (flags & kGtfSubPage) || copy.full_page.frame > 0xffff'ffff)
        return {};
    return {static_cast<std::uint16_t>(flags | (*entry.status() & kMarks)), copy.header.domid, copy.full_page.frame};
}

void restore(SharedGrant entry, const Reserved& from) {
    if (entry.v1()) {
        *entry.v1() = {.flags = from.flags, .domid = from.domain, .frame = static_cast<std::uint32_t>(from.frame)};
        return;
    }
    entry.v2()->full_page.header = {.flags = static_cast<std::uint16_t>(from.flags & ~kMarks), .domid = from.domain};
    entry.v2()->full_page.frame = from.frame;
    *entry.status() = from.flags & kMarks;
}

}  // namespace

bool GrantTable::any_pinned_from(std::uint32_t first) const {
    std::uint32_t before = 0;
    for (GrantRef ref : ids<GrantRef>(std::min(first, entries()))) {
        const ActiveGrant* active = find_active(ref);
        if (active && active->pinned()) ++before;
    }
    return pinned_ != before;
}

// lock_ is held. False, and nothing changed, when a status page is mapped: the mapping would keep a page that is none
// any more and is in no domain's account.
bool GrantTable::withdraw_status() {
    for (std::uint32_t i = 0; i < status_frames_; ++i) {
        if (status_[i].withdraw()) continue;
        while (i-- > 0) status_[i].offer();
        return false;
    }
    return true;
}

// lock_ is held, as for each step of a change of version, but not from one step to the next.
Result<> GrantTable::add_status_frame() {
    // A guest may guess its number.
    status_[status_frames_] = TRY(SharedPage::allocate_withdrawn(*domain_));
    ++status_frames_;
    return {};
}

void GrantTable::clear_entries_of(std::uint32_t frame) {
    constexpr std::size_t kStatusBytes = kPageSize / kFramesPerStatusFrame;
    std::memset(shared_[frame].page.bytes(), 0, kPageSize);
    if (version_ == 1) return;
    std::byte* status = status_[frame / kFramesPerStatusFrame].bytes();
    std::memset(status + frame % kFramesPerStatusFrame * kStatusBytes, 0, kStatusBytes);
}

// One step of a change; true: the last one.
Result<bool> GrantTable::change_version(std::uint32_t version) {
    if (unclear_ != 0) {
        clear_entries_of(frames_ - unclear_);
        --unclear_;
        return unclear_ == 0 && version == version_;
    }
    if (version == version_) return true;
    // Others use entries by number; the entries are about to mean something else. The reserved ones are carried over.
    if (any_pinned_from(kGrantReservedEntries)) return fail(Error::Busy);
    if (frames_ == 0) {
        TRY(grow_locked(1));
        return false;
    }
    // Once made they stay: a guest that goes there and back has hv allocate and free nothing.
    if (version == 2 && status_frames_ < status_frames_for(frames_)) {
        TRY(add_status_frame());
        return false;
    }
    if (version == 1 && !withdraw_status()) return fail(Error::Busy);

    std::array<Reserved, kGrantReservedEntries> reserved{};
    for (GrantRef ref : ids<GrantRef>(kGrantReservedEntries)) reserved[ref.raw] = save(SharedGrant{*this, ref});
    version_ = version;
    for (std::uint32_t i = 0; version == 2 && i < status_frames_; ++i) status_[i].offer();
    clear_entries_of(0);
    unclear_ = frames_ - 1;
    for (GrantRef ref : ids<GrantRef>(kGrantReservedEntries)) restore(SharedGrant{*this, ref}, reserved[ref.raw]);
    return unclear_ == 0;
}

Result<> GrantTable::set_version(std::uint32_t version) {
    if (version != 1 && version != 2) return fail(Error::BadArgument);
    if (version > max_version_) return fail(Error::NotImplemented);
    for (;;) {
        TRY(lock_or_restart(lock_));
        const Result<bool> done = change_version(version);
        lock_.unlock();
        if (!done) return fail(done.error());
        if (*done) return {};
        if (preemption_needed()) return fail(Error::Restart);
    }
}

Result<> GrantTable::seed(DomainId backend, Gfn console, Gfn store) {
    Guard guard{lock_};
    TRY(grow_locked(1));
    const std::pair<GrantRef, Gfn> rings[] = {{GrantRef{kGrantReservedConsole}, console},
                                              {GrantRef{kGrantReservedXenstore}, store}};
    for (const auto& [ref, frame] : rings) {
        if (frame.raw == 0) continue;
        if (frame.raw > 0xffff'ffff) return fail(Error::BadArgument);
        const ActiveGrant* active = find_active(ref);
        if (active && active->pinned()) return fail(Error::Busy);
        restore(SharedGrant{*this, ref}, {kGtfPermitAccess, backend.raw, frame.raw});
    }
    return {};
}

GrantOutcome<> GrantTable::swap(GrantRef a, GrantRef b) {
    Guard guard{lock_};
    if (a.raw >= entries() || b.raw >= entries()) return std::unexpected{GrantResult::BadGntref};
    if (a == b) return {};
    for (GrantRef ref : {a, b}) {
        const ActiveGrant* active = find_active(ref);
        if (active && active->pinned()) return std::unexpected{GrantResult::Eagain};
    }
    SharedGrant first{*this, a};
    SharedGrant second{*this, b};
    if (version_ == 1) {
        std::swap(*first.v1(), *second.v1());
    } else {
        std::swap(*first.v2(), *second.v2());
    }
    return {};
}

}  // namespace hv
