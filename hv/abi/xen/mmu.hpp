// Page tables: MmuUpdate, MmuextOp and UpdateVaMapping. All frame numbers are machine frames.
#pragma once

#include <cstdint>

namespace hv::abi::xen {

// HypercallId::MmuUpdate(MmuUpdate[], count, u32* done, foreign). Bits 15:0 of `foreign` name the owner of the frames
// that are mapped, bits 31:16 (less one; zero is the caller) the owner of the page tables.
struct MmuUpdate {
    std::uint64_t ptr;  // +0   machine address of the entry; MmuCommand in bits 1:0
    std::uint64_t val;  // +8
};
static_assert(sizeof(MmuUpdate) == 16);

enum class MmuCommand : std::uint32_t {
    NormalPtUpdate = 0,
    MachphysUpdate = 1,      // machine-to-phys entry of the frame at ptr becomes val
    PtUpdatePreserveAd = 2,  // keeps accessed and dirty bits that are set
    PtUpdateNoTranslate = 3,
};

// HypercallId::MmuextOp(MmuextOp[], count, u32* done, foreign).
enum class MmuextCommand : std::uint32_t {
    PinL1Table = 0,
    PinL2Table = 1,
    PinL3Table = 2,
    PinL4Table = 3,
    UnpinTable = 4,
    NewBaseptr = 5,
    TlbFlushLocal = 6,
    InvlpgLocal = 7,
    TlbFlushMulti = 8,
    InvlpgMulti = 9,
    TlbFlushAll = 10,
    InvlpgAll = 11,
    FlushCache = 12,
    SetLdt = 13,
    NewUserBaseptr = 15,
    ClearPage = 16,
    CopyPage = 17,
    FlushCacheGlobal = 18,
    MarkSuper = 19,
    UnmarkSuper = 20,
};

struct MmuextOp {
    std::uint32_t command;  // +0   MmuextCommand
    std::uint32_t pad;      // +4
    union {
        std::uint64_t mfn;          // pins, base pointers, ClearPage, CopyPage's destination
        std::uint64_t linear_addr;  // Invlpg*, SetLdt
    } arg1;                         // +8
    union {
        std::uint32_t nr_ents;    // SetLdt
        std::uint64_t vcpu_mask;  // *Multi: address of a bitmap of vCPUs
        std::uint64_t src_mfn;    // CopyPage
    } arg2;                       // +16
};
static_assert(sizeof(MmuextOp) == 24);

// Flags of HypercallId::UpdateVaMapping(va, val, flags) and UpdateVaMappingOtherdomain(va, val, flags, domid). With
// kUvmfMulti and a flush, the remaining bits are the address of a vCPU bitmap; with none it flushes this vCPU only.
inline constexpr std::uint64_t kUvmfNone = 0;
inline constexpr std::uint64_t kUvmfTlbFlush = 1;
inline constexpr std::uint64_t kUvmfInvlpg = 2;
inline constexpr std::uint64_t kUvmfFlushtypeMask = 3;
inline constexpr std::uint64_t kUvmfMulti = 0;
inline constexpr std::uint64_t kUvmfLocal = 0;
inline constexpr std::uint64_t kUvmfAll = 4;

// The done count of MmuUpdate and MmuextOp uses this bit of `count` for a continuation after preemption.
inline constexpr std::uint32_t kMmuUpdatePreempted = 1u << 31;

}  // namespace hv::abi::xen
