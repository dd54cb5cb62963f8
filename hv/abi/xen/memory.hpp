// HypercallId::MemoryOp(command, argument): reservations, exchanges, memory maps.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

enum class MemoryCommand : std::uint32_t {
    IncreaseReservation = 0,  // MemoryReservation; returns extents done
    DecreaseReservation = 1,  // MemoryReservation; returns extents done
    MaximumRamPage = 2,
    CurrentReservation = 3,  // MemoryDomain
    MaximumReservation = 4,  // MemoryDomain
    MachphysMfnList = 5,     // MachphysMfnList
    PopulatePhysmap = 6,     // MemoryReservation; returns extents done
    AddToPhysmap = 7,        // AddToPhysmap
    MemoryMap = 9,           // MemoryMap
    MachineMemoryMap = 10,   // MemoryMap
    Exchange = 11,           // MemoryExchange
    MachphysMapping = 12,    // MachphysMapping
    SetMemoryMap = 13,       // ForeignMemoryMap
    MaximumGpfn = 14,        // MemoryDomain
    RemoveFromPhysmap = 15,  // RemoveFromPhysmap
    SetPodTarget = 16,
    GetPodTarget = 17,
    GetSharingFreedPages = 18,
    GetSharingSharedPages = 19,
    PagingOp = 20,
    AccessOp = 21,
    SharingOp = 22,
    AddToPhysmapBatch = 23,  // AddToPhysmapBatch
    ClaimPages = 24,         // MemoryReservation
    MachphysCompatMfnList = 25,
    GetVnumainfo = 26,
    ReservedDeviceMemoryMap = 27,
    AcquireResource = 28,  // AcquireResource
};
inline constexpr std::uint32_t kMemoryCommandBits = 6;  // the bits above carry a continuation's start extent

struct MemoryReservation {
    std::uint64_t extent_start;  // +0   u64[]: in and out frame numbers, see the command
    std::uint64_t nr_extents;    // +8
    std::uint32_t extent_order;  // +16  frames per extent, as a power of two
    std::uint32_t mem_flags;     // +20  kMemf*
    std::uint16_t domid;         // +24
    std::uint16_t pad[3];        // +26
};
static_assert(sizeof(MemoryReservation) == 32);
inline constexpr std::uint32_t kMemfAddressBitsMask = 0xff;  // frames below 2^bits; 0 anywhere
inline constexpr std::uint32_t kMemfNodeShift = 8;           // NUMA node plus one in eight bits
inline constexpr std::uint32_t kMemfPopulateOnDemand = 1u << 16;
inline constexpr std::uint32_t kMemfExactNode = 1u << 17;
inline constexpr std::uint32_t kMemfVnode = 1u << 18;

struct MemoryExchange {
    MemoryReservation in;        // +0
    MemoryReservation out;       // +32
    std::uint64_t nr_exchanged;  // +64  in: 0; out: input extents consumed
};
static_assert(sizeof(MemoryExchange) == 72);

struct MemoryDomain {
    std::uint16_t domid;  // +0
};
static_assert(sizeof(MemoryDomain) == 2);

struct MachphysMfnList {
    std::uint32_t max_extents;   // +0
    std::uint32_t pad0;          // +4
    std::uint64_t extent_start;  // +8   u64[]: frames of each 2 MiB of the table
    std::uint32_t nr_extents;    // +16  out
    std::uint32_t pad1;          // +20
};
static_assert(sizeof(MachphysMfnList) == 24);

struct MachphysMapping {
    std::uint64_t v_start, v_end;  // +0 +8  virtual addresses
    std::uint64_t max_mfn;         // +16    highest entry that may be read
};
static_assert(sizeof(MachphysMapping) == 24);

enum class MapSpace : std::uint32_t {
    SharedInfo = 0,
    GrantTable = 1,
    Gmfn = 2,
    GmfnRange = 3,
    GmfnForeign = 4,
    DevMmio = 5,
};
inline constexpr std::uint64_t kMapIdxGrantTableStatus = 0x8000'0000;  // or-ed into idx for MapSpace::GrantTable

struct AddToPhysmap {
    std::uint16_t domid;  // +0
    std::uint16_t size;   // +2   frames, for GmfnRange
    std::uint32_t space;  // +4   MapSpace
    std::uint64_t idx;    // +8
    std::uint64_t gpfn;   // +16
};
static_assert(sizeof(AddToPhysmap) == 24);

struct AddToPhysmapBatch {
    std::uint16_t domid;          // +0
    std::uint16_t space;          // +2   MapSpace
    std::uint16_t size;           // +4   entries in the arrays
    std::uint16_t foreign_domid;  // +6   for GmfnForeign; else 0
    std::uint64_t idxs;           // +8   u64[]
    std::uint64_t gpfns;          // +16  u64[]
    std::uint64_t errs;           // +24  i32[] out
};
static_assert(sizeof(AddToPhysmapBatch) == 32);

struct RemoveFromPhysmap {
    std::uint16_t domid;   // +0
    std::uint16_t pad[3];  // +2
    std::uint64_t gpfn;    // +8
};
static_assert(sizeof(RemoveFromPhysmap) == 16);

struct MemoryMap {
    std::uint32_t nr_entries;  // +0   in: room; out: entries stored
    std::uint32_t pad;         // +4
    std::uint64_t buffer;      // +8   E820Entry[]
};
static_assert(sizeof(MemoryMap) == 16);

struct ForeignMemoryMap {
    std::uint16_t domid;   // +0
    std::uint16_t pad[3];  // +2
    MemoryMap map;         // +8
};
static_assert(sizeof(ForeignMemoryMap) == 24);

enum class E820Type : std::uint32_t { Ram = 1, Reserved = 2, Acpi = 3, Nvs = 4, Unusable = 5 };

#pragma pack(push, 4)
struct E820Entry {
    std::uint64_t addr;  // +0
    std::uint64_t size;  // +8
    std::uint32_t type;  // +16  E820Type
};
#pragma pack(pop)
static_assert(sizeof(E820Entry) == 20);

enum class ResourceType : std::uint16_t { IoreqServer = 0, GrantTable = 1, VmtraceBuf = 2 };
inline constexpr std::uint32_t kResourceGrantTableShared = 0;  // AcquireResource::id
inline constexpr std::uint32_t kResourceGrantTableStatus = 1;

struct AcquireResource {
    std::uint16_t domid;       // +0
    std::uint16_t type;        // +2   ResourceType
    std::uint32_t id;          // +4
    std::uint32_t nr_frames;   // +8   0 with a null list asks for the size
    std::uint32_t pad;         // +12  0
    std::uint64_t frame;       // +16  first frame of the resource
    std::uint64_t frame_list;  // +24  u64[] out (PV)
};
static_assert(sizeof(AcquireResource) == 32);

}  // namespace hv::abi::xen
