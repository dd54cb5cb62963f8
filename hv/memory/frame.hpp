// Machine frames: one FrameInfo per frame says who owns it, how often it is referenced, and what it is used as.
//
// Two counts guard every frame. The general reference count keeps it allocated: it is taken by ownership, by mappings
// and by hv while it works on the frame. The type count keeps its use: while a frame is a page table no writable mapping
// can exist, and the reverse. A frame changes its type only at type count zero, and for a page-table or descriptor type
// the contents are validated first. No lock is involved: both words change by compare-and-swap.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;

enum class FrameType : std::uint8_t { None = 0, L1 = 1, L2 = 2, L3 = 3, L4 = 4, Descriptor = 5, Writable = 6 };

// Owners that are no domains (Xen's DOMID_* numbers).
inline constexpr DomainId kOwnerIo = 0x7ff1;
inline constexpr DomainId kOwnerHv = 0x7ff2;
inline constexpr DomainId kOwnerNone = 0x7ff4;
inline constexpr DomainId kFirstReservedDomain = 0x7ff0;

struct FrameInfo {
    // Bits of `count`. The reference count is 0 exactly for frames that are free, the heap's, or no RAM; all else below is 0 then,
    // but for the owner and kFreeHead.
    static constexpr std::uint64_t kReferenceMask = 0xffff'ffff;
    static constexpr std::uint64_t kMostReferences = 0xffff'0000;  // by name; beyond are those that hv must be able to take
    static constexpr unsigned kOwnerShift = 32;
    static constexpr std::uint64_t kOwnerMask = std::uint64_t{0xffff} << kOwnerShift;
    // The owning domain's own reference is held: it has not given the frame up. With kListed only.
    static constexpr std::uint64_t kAllocated = std::uint64_t{1} << 48;
    // hv's own page (SharedPage), which the domain in the owner field may map and nothing else: hv holds one reference and one
    // of type Writable, which no guest's call can drop. With owner kOwnerHv hv has withdrawn it, or has given it up and only
    // mappings from before hold it. Never with kAllocated, kListed, kRelinquished, kPinned, or another type than Writable.
    static constexpr std::uint64_t kShared = std::uint64_t{1} << 49;
    static constexpr std::uint64_t kListed = std::uint64_t{1} << 50;     // on the owner's list of frames
    // The first frame of a free block; `progress` is the block's order, and next and previous link it to others of its size.
    static constexpr std::uint64_t kFreeHead = std::uint64_t{1} << 51;
    static constexpr std::uint64_t kForeignMapped = std::uint64_t{1} << 53;  // others than the owner have mapped it
    static constexpr std::uint64_t kRelinquished = std::uint64_t{1} << 54;  // on the dying owner's second list

    // Bits of `type`.
    static constexpr std::uint64_t kTypeCountMask = 0xffff'ffff;
    static constexpr unsigned kTypeShift = 32;
    static constexpr std::uint64_t kTypeMask = std::uint64_t{0xf} << kTypeShift;
    static constexpr std::uint64_t kPinned = std::uint64_t{1} << 36;
    static constexpr std::uint64_t kValidated = std::uint64_t{1} << 37;  // contents checked; the type can be relied on
    static constexpr std::uint64_t kPartial = std::uint64_t{1} << 38;    // preempted while being (in)validated
    static constexpr std::uint64_t kLocked = std::uint64_t{1} << 39;     // page-table entries are being updated
    static constexpr std::uint64_t kRefused = std::uint64_t{1} << 40;    // with kPartial: contents were found bad
    // Advances whenever a type reference goes: a word that reads the same has not been used by anybody in between, so a TLB
    // flush or a stamp from before a compare-and-swap still holds after it.
    static constexpr std::uint64_t kGeneration = std::uint64_t{1} << 44;
    static constexpr std::uint64_t kGenerationMask = ~(kGeneration - 1);

    std::atomic<std::uint64_t> count;  // +0
    std::atomic<std::uint64_t> type;   // +8
    std::uint32_t next;                // +16  links of the owner's list or the free list, by frame number
    std::uint32_t previous;            // +20
    std::uint32_t tlb_stamp;           // +24  TLB clock when the last type reference went
    std::uint16_t progress;            // +28  entries done by a preempted (in)validation
    std::uint16_t reserved;            // +30

    DomainId owner() const { return static_cast<DomainId>(count.load(std::memory_order_relaxed) >> kOwnerShift); }
    std::uint32_t references() const { return static_cast<std::uint32_t>(count.load(std::memory_order_relaxed)); }
    FrameType frame_type() const {
        return static_cast<FrameType>((type.load(std::memory_order_relaxed) & kTypeMask) >> kTypeShift);
    }
    std::uint32_t type_count() const { return static_cast<std::uint32_t>(type.load(std::memory_order_relaxed)); }
};
static_assert(sizeof(FrameInfo) == 32);

// The table covers every frame below max_mfn(); RAM holes have owner kOwnerNone and no references.
std::uint64_t max_mfn();
bool valid_frame(Mfn frame);
FrameInfo& frame_info(Mfn frame);          // frame must be valid_frame
Mfn frame_number(const FrameInfo& info);
// hv's own mapping of a RAM frame.
void* frame_pointer(Mfn frame);
Mfn frame_of_pointer(const void* pointer);  // of something in the direct map (hv heap, frame_pointer results)

// General references. get_frame succeeds only while the frame is memory of `owner`'s, a domain. -EINVAL otherwise.
Result<FrameInfo*> get_frame(Mfn frame, DomainId owner);
// The same, and for pages that hv shares with `owner` (kShared): for mappings, and nothing else.
Result<FrameInfo*> get_frame_to_map(Mfn frame, DomainId owner);
// One more reference on a frame that the caller already holds one on.
bool get_frame_again(FrameInfo& info);
// The last reference returns the frame to the allocator and the owner's accounting.
void put_frame(FrameInfo& info);

// Whether the caller can stop in the middle and be asked again. Work on a page table may be of any size, so only who can
// begins it or takes it over from somebody else.
enum class Preemption : bool { Forbidden, Allowed };

// Type references; the caller holds a general reference. Page tables take long: they need Preemption::Allowed, return
// Error::Restart in the middle, with the work parked, and go on when asked again. Parked work (kPartial) owns one type and
// one general reference; whoever needs the frame next and can be preempted takes it over, to go on with it or to undo it.
// Either way the first `progress` entries are those that hold references. Errors: BadArgument (contents or type conflict);
// Busy (parked work, with Preemption::Forbidden).
Result<void> get_frame_type(FrameInfo& info, FrameType type, Preemption preemption = Preemption::Forbidden);
// Of a frame that is no page table.
void put_frame_type(FrameInfo& info);
// Of any frame. After Error::Restart the reference is gone all the same; the rest of the work is parked with the frame
// (kPartial).
Result<void> put_frame_type_preemptible(FrameInfo& info);
// Goes on with undoing parked work, if there is any (of type `only`, unless that is None); Error::Restart while there is
// more. The caller holds a general reference.
Result<void> finish_partial(FrameInfo& info, FrameType only = FrameType::None);

// Both at once.
Result<FrameInfo*> get_frame_and_type(Mfn frame, DomainId owner, FrameType type, Preemption preemption = Preemption::Forbidden);
inline void put_frame_and_type(FrameInfo& info) {
    put_frame_type(info);
    put_frame(info);
}

// Machine-to-physical: what the owner calls the frame. Readable by all PV guests.
inline constexpr std::uint64_t kInvalidM2pEntry = ~std::uint64_t{0};
void set_m2p(Mfn frame, std::uint64_t pfn);
std::uint64_t m2p(Mfn frame);

}  // namespace hv
