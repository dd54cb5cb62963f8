// HypercallId::HvmOp(command, argument) as far as PV code and tools meet it, and the PVH start-of-day structures.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

enum class HvmCommand : std::uint32_t {
    SetParam = 0,
    GetParam = 1,
    FlushTlbs = 5,
    PagetableDying = 9,
    GetTime = 10,
    Xentrace = 11,
    GetMemType = 15,
    SetEvtchnUpcallVector = 23,
    GuestRequestVmEvent = 24,
    Altp2m = 25,
};

struct HvmParam {
    std::uint16_t domid;  // +0   in
    std::uint16_t pad;    // +2
    std::uint32_t index;  // +4   in: HvmParamId
    std::uint64_t value;  // +8   in or out
};
static_assert(sizeof(HvmParam) == 16);

enum class HvmParamId : std::uint32_t {
    CallbackIrq = 0,
    StorePfn = 1,
    StoreEvtchn = 2,
    IoreqPfn = 5,
    BufioreqPfn = 6,
    Viridian = 9,
    TimerMode = 10,
    HpetEnabled = 11,
    IdentPt = 12,
    AcpiSState = 14,
    Vm86Tss = 15,
    VptAlign = 16,
    ConsolePfn = 17,
    ConsoleEvtchn = 18,
    AcpiIoportsLocation = 19,
    PagingRingPfn = 27,
    MonitorRingPfn = 28,
    SharingRingPfn = 29,
    TripleFaultReason = 31,
    IoreqServerPfn = 32,
    IoreqServerPages = 33,
    VmGenerationIdAddr = 34,
    Altp2m = 35,
    X87FipWidth = 36,
    Vm86TssSized = 37,
    McaCap = 38,
};
inline constexpr std::uint32_t kHvmParamCount = 39;

enum class HvmCallbackType : std::uint8_t { Gsi = 0, PciIntx = 1, Vector = 2 };  // bits 63:56 of CallbackIrq

enum class HvmMemType : std::uint16_t { RamRw = 0, RamRo = 1, MmioDm = 2, Unused = 3, IoreqServer = 4 };

struct HvmGetMemType {
    std::uint16_t domid;     // +0   in
    std::uint16_t mem_type;  // +2   out: HvmMemType
    std::uint16_t pad[2];    // +4
    std::uint64_t pfn;       // +8   in
};
static_assert(sizeof(HvmGetMemType) == 16);

struct HvmPagetableDying {
    std::uint16_t domid;   // +0
    std::uint16_t pad[3];  // +2
    std::uint64_t gpa;     // +8
};
static_assert(sizeof(HvmPagetableDying) == 16);

struct HvmGetTime {
    std::uint64_t now;  // +0   out: ns since boot
};
static_assert(sizeof(HvmGetTime) == 8);

struct HvmEvtchnUpcallVector {
    std::uint32_t vcpu;   // +0
    std::uint8_t vector;  // +4
    std::uint8_t pad[3];  // +5
};
static_assert(sizeof(HvmEvtchnUpcallVector) == 8);

inline constexpr std::uint32_t kHvmStartMagic = 0x336e'c578;

// A PVH guest starts in 32-bit protected mode without paging; ebx is the physical address of this.
struct HvmStartInfo {
    std::uint32_t magic;           // +0   kHvmStartMagic
    std::uint32_t version;         // +4   1
    std::uint32_t flags;           // +8   kSif*
    std::uint32_t nr_modules;      // +12
    std::uint64_t modlist_paddr;   // +16
    std::uint64_t cmdline_paddr;   // +24
    std::uint64_t rsdp_paddr;      // +32
    std::uint64_t memmap_paddr;    // +40
    std::uint32_t memmap_entries;  // +48
    std::uint32_t reserved;        // +52
};
static_assert(sizeof(HvmStartInfo) == 56);

struct HvmModule {
    std::uint64_t paddr;          // +0
    std::uint64_t size;           // +8
    std::uint64_t cmdline_paddr;  // +16
    std::uint64_t reserved;       // +24
};
static_assert(sizeof(HvmModule) == 32);

struct HvmMemmapEntry {
    std::uint64_t addr;      // +0
    std::uint64_t size;      // +8
    std::uint32_t type;      // +16  HvmMemmapType
    std::uint32_t reserved;  // +20
};
static_assert(sizeof(HvmMemmapEntry) == 24);

enum class HvmMemmapType : std::uint32_t {
    Ram = 1,
    Reserved = 2,
    Acpi = 3,
    Nvs = 4,
    Unusable = 5,
    Disabled = 6,
    Pmem = 7,
};

}  // namespace hv::abi::xen
