// Grant tables: the entries that a guest writes, and HypercallId::GrantTableOp(command, argument[], count).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

using Gref = std::uint32_t;
using GrantHandle = std::uint32_t;

// Version 1 entry.
struct GrantEntryV1 {
    std::uint16_t flags;  // +0   kGtf*
    std::uint16_t domid;  // +2   the domain that may use it
    std::uint32_t frame;  // +4
};
static_assert(sizeof(GrantEntryV1) == 8);

struct GrantEntryHeader {
    std::uint16_t flags;  // +0
    std::uint16_t domid;  // +2
};
static_assert(sizeof(GrantEntryHeader) == 4);

// Version 2 entry; the reading and writing marks live in a GrantStatus beside it.
union GrantEntryV2 {
    GrantEntryHeader header;  // +0
    struct {
        GrantEntryHeader header;  // +0
        std::uint32_t pad;        // +4
        std::uint64_t frame;      // +8
    } full_page;
    struct {
        GrantEntryHeader header;  // +0
        std::uint16_t page_off;   // +4
        std::uint16_t length;     // +6
        std::uint64_t frame;      // +8
    } sub_page;
    struct {
        GrantEntryHeader header;    // +0
        std::uint16_t trans_domid;  // +4
        std::uint16_t pad;          // +6
        Gref gref;                  // +8
    } transitive;
    std::uint32_t words[4];  // +0
};
static_assert(sizeof(GrantEntryV2) == 16);

using GrantStatus = std::uint16_t;

inline constexpr std::uint16_t kGtfInvalid = 0;
inline constexpr std::uint16_t kGtfPermitAccess = 1;
inline constexpr std::uint16_t kGtfAcceptTransfer = 2;
inline constexpr std::uint16_t kGtfTransitive = 3;
inline constexpr std::uint16_t kGtfTypeMask = 3;
inline constexpr std::uint16_t kGtfReadonly = 1u << 2;
inline constexpr std::uint16_t kGtfReading = 1u << 3;
inline constexpr std::uint16_t kGtfWriting = 1u << 4;
inline constexpr std::uint16_t kGtfPwt = 1u << 5;
inline constexpr std::uint16_t kGtfPcd = 1u << 6;
inline constexpr std::uint16_t kGtfPat = 1u << 7;
inline constexpr std::uint16_t kGtfSubPage = 1u << 8;
inline constexpr std::uint16_t kGtfTransferCommitted = 1u << 2;
inline constexpr std::uint16_t kGtfTransferCompleted = 1u << 3;

inline constexpr Gref kGrantReservedEntries = 8;
inline constexpr Gref kGrantReservedConsole = 0;
inline constexpr Gref kGrantReservedXenstore = 1;

enum class GrantCommand : std::uint32_t {
    MapGrantRef = 0,
    UnmapGrantRef = 1,
    SetupTable = 2,
    DumpTable = 3,
    Transfer = 4,
    Copy = 5,
    QuerySize = 6,
    UnmapAndReplace = 7,
    SetVersion = 8,
    GetStatusFrames = 9,
    GetVersion = 10,
    SwapGrantRef = 11,
    CacheFlush = 12,
};

enum class GrantResult : std::int16_t {
    Okay = 0,
    GeneralError = -1,
    BadDomain = -2,
    BadGntref = -3,
    BadHandle = -4,
    BadVirtAddr = -5,
    BadDevAddr = -6,
    NoDeviceSpace = -7,
    PermissionDenied = -8,
    BadPage = -9,
    BadCopyArg = -10,
    AddressTooBig = -11,
    Eagain = -12,
    NoSpace = -13,
};

// GnttabMapGrantRef::flags
inline constexpr std::uint32_t kGntmapDeviceMap = 1u << 0;
inline constexpr std::uint32_t kGntmapHostMap = 1u << 1;
inline constexpr std::uint32_t kGntmapReadonly = 1u << 2;
inline constexpr std::uint32_t kGntmapApplicationMap = 1u << 3;  // accessible from user mode
inline constexpr std::uint32_t kGntmapContainsPte = 1u << 4;     // host_addr is the machine address of an L1 entry
inline constexpr std::uint32_t kGntmapGuestAvailShift = 16;
inline constexpr std::uint32_t kGntmapGuestAvailMask = 0xffffu << 16;

struct GnttabMapGrantRef {
    std::uint64_t host_addr;     // +0   in
    std::uint32_t flags;         // +8   in: kGntmap*
    Gref ref;                    // +12  in
    std::uint16_t domid;         // +16  in
    std::int16_t status;         // +18  out: GrantResult
    GrantHandle handle;          // +20  out
    std::uint64_t dev_bus_addr;  // +24  out
};
static_assert(sizeof(GnttabMapGrantRef) == 32);

struct GnttabUnmapGrantRef {
    std::uint64_t host_addr;     // +0   in
    std::uint64_t dev_bus_addr;  // +8   in: 0 leaves the device mapping
    GrantHandle handle;          // +16  in
    std::int16_t status;         // +20  out: GrantResult
    std::uint16_t pad;           // +22
};
static_assert(sizeof(GnttabUnmapGrantRef) == 24);

struct GnttabSetupTable {
    std::uint16_t domid;       // +0   in
    std::uint16_t pad0;        // +2
    std::uint32_t nr_frames;   // +4   in
    std::int16_t status;       // +8   out: GrantResult
    std::uint16_t pad1[3];     // +10
    std::uint64_t frame_list;  // +16  u64[] out
};
static_assert(sizeof(GnttabSetupTable) == 24);

struct GnttabDumpTable {
    std::uint16_t domid;  // +0   in
    std::int16_t status;  // +2   out
};
static_assert(sizeof(GnttabDumpTable) == 4);

struct GnttabTransfer {
    std::uint64_t mfn;      // +0   in
    std::uint16_t domid;    // +8   in
    std::uint16_t pad0;     // +10
    Gref ref;               // +12  in
    std::int16_t status;    // +16  out
    std::uint16_t pad1[3];  // +18
};
static_assert(sizeof(GnttabTransfer) == 24);

inline constexpr std::uint16_t kGntcopySourceGref = 1u << 0;
inline constexpr std::uint16_t kGntcopyDestGref = 1u << 1;

struct GnttabCopyPointer {
    union {
        Gref ref;
        std::uint64_t gmfn;
    } u;                   // +0
    std::uint16_t domid;   // +8
    std::uint16_t offset;  // +10
    std::uint32_t pad;     // +12
};
static_assert(sizeof(GnttabCopyPointer) == 16);

struct GnttabCopy {
    GnttabCopyPointer source;  // +0
    GnttabCopyPointer dest;    // +16
    std::uint16_t len;         // +32
    std::uint16_t flags;       // +34  kGntcopy*
    std::int16_t status;       // +36  out: GrantResult
    std::uint16_t pad;         // +38
};
static_assert(sizeof(GnttabCopy) == 40);

struct GnttabQuerySize {
    std::uint16_t domid;          // +0   in
    std::uint16_t pad0;           // +2
    std::uint32_t nr_frames;      // +4   out
    std::uint32_t max_nr_frames;  // +8   out
    std::int16_t status;          // +12  out
    std::uint16_t pad1;           // +14
};
static_assert(sizeof(GnttabQuerySize) == 16);

struct GnttabUnmapAndReplace {
    std::uint64_t host_addr;  // +0   in
    std::uint64_t new_addr;   // +8   in: its mapping moves to host_addr
    GrantHandle handle;       // +16  in
    std::int16_t status;      // +20  out
    std::uint16_t pad;        // +22
};
static_assert(sizeof(GnttabUnmapAndReplace) == 24);

struct GnttabSetVersion {
    std::uint32_t version;  // +0   in: 1 or 2; out: the version in use
};
static_assert(sizeof(GnttabSetVersion) == 4);

struct GnttabGetStatusFrames {
    std::uint32_t nr_frames;   // +0   in
    std::uint16_t domid;       // +4   in
    std::int16_t status;       // +6   out
    std::uint64_t frame_list;  // +8   u64[] out
};
static_assert(sizeof(GnttabGetStatusFrames) == 16);

struct GnttabGetVersion {
    std::uint16_t domid;    // +0   in
    std::uint16_t pad;      // +2
    std::uint32_t version;  // +4   out
};
static_assert(sizeof(GnttabGetVersion) == 8);

struct GnttabSwapGrantRef {
    Gref ref_a;           // +0
    Gref ref_b;           // +4
    std::int16_t status;  // +8   out
    std::uint16_t pad;    // +10
};
static_assert(sizeof(GnttabSwapGrantRef) == 12);

inline constexpr std::uint32_t kGnttabCacheClean = 1u << 0;
inline constexpr std::uint32_t kGnttabCacheInval = 1u << 1;
inline constexpr std::uint32_t kGnttabCacheSourceGref = 1u << 31;

struct GnttabCacheFlush {
    union {
        std::uint64_t dev_bus_addr;
        Gref ref;
    } a;                   // +0
    std::uint16_t offset;  // +8
    std::uint16_t length;  // +10
    std::uint32_t op;      // +12  kGnttabCache*
};
static_assert(sizeof(GnttabCacheFlush) == 16);

}  // namespace hv::abi::xen
