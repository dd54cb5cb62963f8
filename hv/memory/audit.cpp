#include "hv/memory/audit.hpp"

#include <algorithm>
#include <iterator>

#include "hv/memory/frame_table.hpp"

namespace hv {
namespace {

constexpr unsigned kEntriesPerTable = kPageSize / sizeof(std::uint64_t);

std::uint8_t bit_of(FrameType type) {
    return static_cast<std::uint8_t>(1u << static_cast<unsigned>(type));
}

}  // namespace

const char* name_of(FrameType type) {
    static constexpr const char* kNames[] = {"none", "L1", "L2", "L3", "L4", "descriptor", "writable"};
    const auto index = static_cast<unsigned>(type);
    return index < std::size(kNames) ? kNames[index] : "unknown";
}

FrameAudit::FrameAudit(std::span<FrameAccount> accounts, AuditReport report) : accounts_{accounts}, report_{report} {
    std::ranges::fill(accounts_, FrameAccount{});
}

FrameAccount* FrameAudit::account_of(Mfn frame) {
    if (frame.raw < accounts_.size() && valid_frame(frame)) return &accounts_[frame.raw];
    complain("frame 0x{:x}: held, but not there", frame.raw);
    return nullptr;
}

void FrameAudit::reference(Mfn frame) {
    if (FrameAccount* account = account_of(frame)) ++account->references;
}

void FrameAudit::use(Mfn frame, FrameType type) {
    FrameAccount* account = account_of(frame);
    if (!account) return;
    ++account->references;
    ++account->types;
    account->used_as |= bit_of(type);
}

void FrameAudit::linear(Mfn table, Mfn named) {
    if (FrameAccount* account = account_of(table)) --account->linear;
    if (FrameAccount* account = account_of(named)) ++account->linear;
}

bool FrameAudit::mark(Mfn frame, std::uint8_t mark) {
    FrameAccount* account = account_of(frame);
    if (!account || (account->marks & mark)) return false;
    account->marks |= mark;
    return true;
}

void FrameAudit::show(Mfn frame, DomainId owner) {
    if (!mark(frame, kShown)) {
        complain("frame 0x{:x}: hv shows it to d{} as two things", frame.raw, owner);
        return;
    }
    const FrameInfo& info = frame_info(frame);
    if (info.owner() != owner)
        complain("frame 0x{:x}: hv shows it to d{}, but its owner is {}", frame.raw, owner, info.owner());
}

bool FrameAudit::list(Mfn frame) {
    return mark(frame, kListed);
}
bool FrameAudit::free(Mfn frame) {
    return mark(frame, kFree);
}

// What the frame holds of itself, and as a page table of others.
void FrameAudit::enter(Mfn frame, FrameInfo& info) {
    const std::uint64_t count = info.count.load(std::memory_order_relaxed);
    const std::uint64_t word = info.type.load(std::memory_order_relaxed);
    if (info.owner() >= kFirstReservedDomain && (count & FrameInfo::kReferenceMask) == 0)
        return;  // free, or of hv's heap
    const FrameType type = info.frame_type();
    const bool parked = word & FrameInfo::kPartial;
    const bool pinned = word & FrameInfo::kPinned;
    if (count & FrameInfo::kAllocated) reference(frame);
    if (pinned) use(frame, type);
    if (parked) use(frame, type);
    if (word & FrameInfo::kLocked) complain("frame 0x{:x}: still locked", frame.raw);
    if (parked && (pinned || (word & FrameInfo::kValidated) || info.type_count() != 1 || !is_page_table(type)))
        complain("frame 0x{:x}: parked with type word 0x{:x}", frame.raw, word);
    if ((word & FrameInfo::kRefused) && !parked) complain("frame 0x{:x}: refused, but not parked", frame.raw);
    if (info.type_count() == 0) return;
    if (!parked && !(word & FrameInfo::kValidated))
        complain("frame 0x{:x}: of type {}, but not validated", frame.raw, name_of(type));
    if (!is_page_table(type)) return;
    const unsigned entries = parked ? info.progress : kEntriesPerTable;
    if (entries > kEntriesPerTable) return complain("frame 0x{:x}: {} entries done", frame.raw, entries);
    audit_table(*this, frame, type, entries);
}

void FrameAudit::frames() {
    for (std::uint64_t mfn = 0; mfn < accounts_.size(); ++mfn) {
        if (mfn % kFramesPerChunk == 0 && !valid_frame(Mfn{mfn})) {
            mfn += kFramesPerChunk - 1;
            continue;
        }
        enter(Mfn{mfn}, frame_info(Mfn{mfn}));
    }
    for (std::uint64_t mfn = 0; mfn < accounts_.size(); ++mfn) {
        if (mfn % kFramesPerChunk == 0 && !valid_frame(Mfn{mfn})) {
            mfn += kFramesPerChunk - 1;
            continue;
        }
        compare(Mfn{mfn}, frame_info(Mfn{mfn}), accounts_[mfn]);
    }
}

void FrameAudit::compare(Mfn frame, const FrameInfo& info, const FrameAccount& account) {
    if (info.owner() == kOwnerIo) {
        if (info.references() != 0 || account.references != 0 || account.marks != 0)
            complain("frame 0x{:x}: no RAM, but in use (count 0x{:x})", frame.raw, info.count.load());
        return;
    }
    if (((account.marks & kFree) != 0) != (info.owner() == kOwnerNone))
        complain("frame 0x{:x}: {} (count 0x{:x})", frame.raw, account.marks & kFree ? "free, but owned" : "lost",
                 info.count.load());
    if (info.owner() >= kFirstReservedDomain && m2p(frame) != kInvalidM2pEntry)
        complain("frame 0x{:x}: no domain's, but called 0x{:x}", frame.raw, m2p(frame));
    const bool unreferenced = info.owner() >= kFirstReservedDomain && info.references() == 0;
    unreferenced ? compare_unowned(frame, info, account) : compare_owned(frame, info, account);
}

// Free, or hv's own: no reference can be taken.
void FrameAudit::compare_unowned(Mfn frame, const FrameInfo& info, const FrameAccount& account) {
    constexpr std::uint64_t kKnown = FrameInfo::kOwnerMask | FrameInfo::kFreeHead;
    if (info.count.load(std::memory_order_relaxed) & ~kKnown)
        complain("frame 0x{:x}: no domain's, but its count is 0x{:x}", frame.raw, info.count.load());
    if (account.references != 0 || account.types != 0 || (account.marks & (kShown | kListed)))
        complain("frame 0x{:x}: no domain's, but held {} times", frame.raw, account.references);
    if (info.linear.load(std::memory_order_relaxed) != 0)
        complain("frame 0x{:x}: no domain's, but its linear count is {}", frame.raw, info.linear.load());
}

void FrameAudit::compare_owned(Mfn frame, const FrameInfo& info, const FrameAccount& account) {
    const std::uint64_t count = info.count.load(std::memory_order_relaxed);
    const bool shown = account.marks & kShown;
    // hv's own reference, and the type because it writes there.
    const std::uint32_t references = account.references + (shown ? 1 : 0), types = account.types + (shown ? 1 : 0);
    if (info.references() != references || info.type_count() != types)
        complain(
            "frame 0x{:x} of d{} ({}): {} references and {} of its type, but {} and {} are held (type word 0x{:x})",
            frame.raw, info.owner(), name_of(info.frame_type()), info.references(), info.type_count(), references,
            types, info.type.load());
    if (info.linear.load(std::memory_order_relaxed) != account.linear)
        complain("frame 0x{:x} of d{}: linear count {}, but {}", frame.raw, info.owner(), info.linear.load(),
                 account.linear);
    if (account.used_as & ~bit_of(info.frame_type()))
        complain("frame 0x{:x} is {}, but used as other types (0x{:x})", frame.raw, name_of(info.frame_type()),
                 account.used_as);
    if (((count & FrameInfo::kListed) != 0) != ((account.marks & kListed) != 0))
        complain("frame 0x{:x} of d{}: {} (count 0x{:x})", frame.raw, info.owner(),
                 account.marks & kListed ? "listed without the mark" : "on no list", count);
    if (shown && !(count & FrameInfo::kShared))
        complain("frame 0x{:x} of d{}: hv's, but its count is 0x{:x}", frame.raw, info.owner(), count);
    constexpr std::uint64_t kOfDomains = FrameInfo::kAllocated | FrameInfo::kListed | FrameInfo::kRelinquished;
    if ((count & FrameInfo::kShared) && ((count & kOfDomains) || (account.used_as & ~bit_of(FrameType::Writable)) ||
                                         (info.type.load() & FrameInfo::kPinned)))
        complain("frame 0x{:x} of d{}: hv's, but its count is 0x{:x} and its type word 0x{:x}", frame.raw, info.owner(),
                 count, info.type.load());
    if (!shown && (count & FrameInfo::kShared) && info.owner() < kFirstReservedDomain)
        complain("frame 0x{:x} of d{}: marked as hv's, but hv does not know it", frame.raw, info.owner());
    if (!(count & (FrameInfo::kShared | FrameInfo::kListed)))
        complain("frame 0x{:x}: neither hv's nor on a list (count 0x{:x})", frame.raw, count);
    if ((count & (FrameInfo::kAllocated | FrameInfo::kRelinquished)) && !(count & FrameInfo::kListed))
        complain("frame 0x{:x} of d{}: a domain's, but its count is 0x{:x}", frame.raw, info.owner(), count);
    if ((info.type.load() & FrameInfo::kIncoherent) && info.frame_type() != FrameType::Writable)
        complain("frame 0x{:x} of d{} is {}, but its caches were not flushed", frame.raw, info.owner(),
                 name_of(info.frame_type()));
}

}  // namespace hv
