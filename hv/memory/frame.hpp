// Machine frames: one FrameInfo per frame holds its owner, how often it is referenced, and what it is used as.
//
// Two counts guard every frame. The general reference count keeps it allocated: it is taken by ownership, by mappings
// and by hv while it works on the frame. The type count keeps its use: while a frame is a page table no writable
// mapping can exist, and the reverse. A frame changes its type only at type count zero, and for a page-table or
// descriptor type the contents are validated first. No lock is involved: both words change by compare-and-swap.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/abi/xen/domain_id.hpp"
#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;

enum class FrameType : std::uint8_t { None = 0, L1 = 1, L2 = 2, L3 = 3, L4 = 4, Descriptor = 5, Writable = 6 };

constexpr bool is_page_table(FrameType type) {
    return type >= FrameType::L1 && type <= FrameType::L4;
}
// 1 to 4, of a page table.
constexpr unsigned level_of(FrameType type) {
    return static_cast<unsigned>(type);
}
constexpr FrameType page_table_type(unsigned level) {
    return static_cast<FrameType>(level);
}

// Owners that are no domains.
inline constexpr DomainId kOwnerIo{abi::xen::kDomidIo};
inline constexpr DomainId kOwnerHv{abi::xen::kDomidXen};
inline constexpr DomainId kOwnerNone{abi::xen::kDomidInvalid};
inline constexpr DomainId kFirstReservedDomain{abi::xen::kDomidFirstReserved};

// What holds at every moment, but for the steps of one operation; hv/memory/audit.hpp checks it:
//
//   frame              owner        references  flags of `count`             type word
//   no RAM             kOwnerIo     0           -                            0
//   free               kOwnerNone   0           kFreeHead                    count 0; kIncoherent may be left
//   hv's               kOwnerHv     0           -                            the heap's own notes
//   a domain's         the domain   > 0         kListed, and any but kShared, any
//                                               kFreeHead
//   shared by hv       the domain   > 0         kShared, kForeignMapped      Writable, count > 0
//   was shared by hv   kOwnerHv     > 0         kShared, kForeignMapped      Writable, or count 0
//
// A frame of a domain has one reference for kAllocated, one for kPinned, one for kPartial, one for each entry of a
// validated page table that names it, and one for each pointer that hv keeps to it. Each of those but kAllocated and
// mappings that do not write is a type reference as well.
struct FrameInfo {
    // Bits of `count`.
    static constexpr std::uint64_t kReferenceMask = 0xffff'ffff;
    // get_frame() goes up to here: beyond are the references that hv must be able to take without asking.
    static constexpr std::uint64_t kMostReferences = 0xffff'0000;
    // The frame's owner: a domain, or one of kOwner*. It changes only while there is no reference, and for pages that
    // hv withdraws.
    static constexpr unsigned kOwnerShift = 32;
    static constexpr std::uint64_t kOwnerMask = std::uint64_t{0xffff} << kOwnerShift;
    // The owning domain's own reference is held: it has not given the frame up. Only release_frame() drops both.
    static constexpr std::uint64_t kAllocated = std::uint64_t{1} << 48;
    // hv's own page (SharedPage), which the domain in the owner field may map and nothing else: hv holds one reference
    // and one of type Writable, which no guest's call can drop. With owner kOwnerHv hv has withdrawn it, or has given
    // it up and only mappings from before hold it. get_frame() refuses it.
    static constexpr std::uint64_t kShared = std::uint64_t{1} << 49;
    // On one of its owner's two lists, and counted in Domain::frames: the last reference takes it off.
    static constexpr std::uint64_t kListed = std::uint64_t{1} << 50;
    // The first frame of a free block; `progress` is the block's order, and next and
    // previous link it to others of its size.
    static constexpr std::uint64_t kFreeHead = std::uint64_t{1} << 51;
    // Others than the owner have, or had, mapped it: a change of its type flushes all CPUs and not its owner's alone.
    static constexpr std::uint64_t kForeignMapped = std::uint64_t{1} << 53;
    // With kListed: on the dying owner's second list, of frames that it has let go (take_for_relinquishing()).
    static constexpr std::uint64_t kRelinquished = std::uint64_t{1} << 54;

    // Bits of `type`. The type says what the frame is used as; at count 0, what it was used as last. As long as the
    // type and kValidated stay, the contents are still what was checked.
    static constexpr std::uint64_t kTypeCountMask = 0xffff'ffff;
    static constexpr unsigned kTypeShift = 32;
    static constexpr std::uint64_t kTypeMask = std::uint64_t{0xf} << kTypeShift;
    // The guest asked for the type to stay (MMUEXT_PIN_*): holds one reference of either kind. Page tables only.
    static constexpr std::uint64_t kPinned = std::uint64_t{1} << 36;
    // The contents were checked, as far as the type asks for it; without it and with a count of 1 some CPU is checking
    // or undoing them right now, or (kPartial) has been preempted in that.
    static constexpr std::uint64_t kValidated = std::uint64_t{1} << 37;
    // A page table that is half checked or half undone: the first `progress` entries hold
    // references. Count 1, not kValidated, not kLocked; the mark itself holds one reference of either kind, and the CPU
    // that clears it takes them over.
    static constexpr std::uint64_t kPartial = std::uint64_t{1} << 38;
    // A CPU is changing entries of this page table (lock_table()), and holds a type reference for that. Never set
    // by a CPU that runs a guest.
    static constexpr std::uint64_t kLocked = std::uint64_t{1} << 39;
    // With kPartial, or while contents are undone: they were found bad, so this table is undone and not gone on with.
    static constexpr std::uint64_t kRefused = std::uint64_t{1} << 40;
    // A writable mapping of another cache type than write-back has been there since the frame became Writable, so
    // memory and caches may differ: its lines are flushed, after the TLBs, before it gets another use or another owner.
    // With type Writable, and on frames that were freed with it.
    static constexpr std::uint64_t kIncoherent = std::uint64_t{1} << 41;
    // Advances whenever a type reference goes: if the word reads the same, the frame has not been used in between, so a
    // stamp from before a compare-and-swap still holds after it. It comes round after some seconds of nothing else, so
    // code that waits for other CPUs in between looks at tlb_stamp as well.
    static constexpr std::uint64_t kGeneration = std::uint64_t{1} << 44;
    static constexpr std::uint64_t kGenerationMask = ~(kGeneration - 1);

    std::atomic<std::uint64_t> count;  // +0
    std::atomic<std::uint64_t> type;   // +8
    // Links by frame number, 0 at the ends: of the owner's list (kListed, under Domain::frames_lock), of the free list
    // (kFreeHead, under the allocator's lock), of the heap's pages with room.
    std::uint32_t next;      // +16
    std::uint32_t previous;  // +20
    // tlb_clock() when the last type reference went, or when the frame was freed that guests could map: a CPU that has
    // flushed since has no translation from before. Read for a change of type and by the allocator. The
    // clock wraps: any value may be a good one.
    std::uint32_t tlb_stamp;  // +24
    // kPartial, or being checked: the number of entries that hold references. kFreeHead: the
    // block's order. Heap: its size class.
    std::uint16_t progress;  // +28
    // For page tables that name others of their own level (x86/pv/mmu/linear_tables.hpp): below zero, how many entries
    // of this table do so; above zero, how many entries of others name this one. 0 on every frame that is no page
    // table.
    std::atomic<std::int16_t> linear;  // +30

    static constexpr std::uint64_t owner_bits(DomainId owner) { return std::uint64_t{owner.raw} << kOwnerShift; }
    static constexpr DomainId owner_of(std::uint64_t word) {
        return DomainId{static_cast<std::uint16_t>(word >> kOwnerShift)};
    }
    DomainId owner() const { return owner_of(count.load(std::memory_order_relaxed)); }
    std::uint32_t references() const { return static_cast<std::uint32_t>(count.load(std::memory_order_relaxed)); }
    FrameType frame_type() const { return type_of(type.load(std::memory_order_relaxed)); }
    // Of a type word.
    static constexpr FrameType type_of(std::uint64_t word) {
        return static_cast<FrameType>((word & kTypeMask) >> kTypeShift);
    }
    static constexpr std::uint64_t type_bits(FrameType type) { return static_cast<std::uint64_t>(type) << kTypeShift; }
    std::uint32_t type_count() const { return static_cast<std::uint32_t>(type.load(std::memory_order_relaxed)); }
};
static_assert(sizeof(FrameInfo) == 32);

// The table covers the frames below max_mfn(), but for chunks without RAM (valid_frame()). What is no RAM in it has
// owner kOwnerIo and no references.
std::uint64_t max_mfn();
bool valid_frame(Mfn frame);
FrameInfo& frame_info(Mfn frame);  // frame must be valid_frame
bool is_counted(Mfn frame);        // RAM, which has counts; otherwise I/O memory
Mfn frame_number(const FrameInfo& info);
// hv's own mapping of a RAM frame.
void* frame_pointer(Mfn frame);
Mfn frame_of_pointer(const void* pointer);  // of something in the direct map (hv heap, frame_pointer results)

// General references. get_frame succeeds only while the frame is memory of `owner`'s, a domain; BadArgument otherwise.
Result<FrameInfo*> get_frame(Mfn frame, DomainId owner);
// The same, and for pages that hv shares with `owner` (kShared): for mappings, and nothing else.
Result<FrameInfo*> get_frame_to_map(Mfn frame, DomainId owner);
// One more reference on a frame that the caller already holds one on.
bool get_frame_again(FrameInfo& info);
// The last reference returns the frame to the allocator and the owner's accounting.
void put_frame(FrameInfo& info);

// Whether the caller can stop in the middle and be asked again. Work on a page table may be of any size, so only a
// caller that can do this begins such work, or takes it over from another.
enum class Preemption : bool { Forbidden, Allowed };

// Type references; the caller holds a general reference. A change of type may wait for other CPUs' TLBs; with
// Preemption::Allowed that may end with Error::Restart, and nothing taken. Page tables take long: they need
// Preemption::Allowed, return Error::Restart in the middle, with the work parked, and go on when asked again. Parked
// work (kPartial) owns one type and one general reference; the next caller that needs the frame and can be preempted
// takes it over, to go on with it or to undo it. Either way the first `progress` entries are those that hold
// references. Errors: BadArgument (contents or type conflict); Busy (with Preemption::Forbidden: parked work, or other
// CPUs that use the frame all the time).
Result<void> get_frame_type(FrameInfo& info, FrameType type, Preemption preemption = Preemption::Forbidden);
// Of a frame that is no page table.
void put_frame_type(FrameInfo& info);
// Of any frame. After Error::Restart the reference is gone all the same; the rest of the work is parked with the frame
// (kPartial).
Result<void> put_frame_type_preemptible(FrameInfo& info);
// Goes on with undoing parked work, if there is any (of type `only`, unless that is None); Error::Restart while there
// is more. The caller holds a general reference. `within` is for invalidate_frame.
Result<void> finish_partial(FrameInfo& info, FrameType only = FrameType::None, std::uint8_t within = 0);

// Both at once.
Result<FrameInfo*> get_frame_and_type(Mfn frame, DomainId owner, FrameType type,
                                      Preemption preemption = Preemption::Forbidden);
inline void put_frame_and_type(FrameInfo& info) {
    put_frame_type(info);
    put_frame(info);
}

// Machine-to-physical: what the owner calls the frame. Readable by all PV guests.
inline constexpr std::uint64_t kInvalidM2pEntry = ~std::uint64_t{0};
void set_m2p(Mfn frame, std::uint64_t pfn);
std::uint64_t m2p(Mfn frame);

}  // namespace hv
