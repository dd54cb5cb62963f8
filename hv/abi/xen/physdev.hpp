// HypercallId::PhysdevOp(command, argument): physical interrupts, I/O ports and PCI devices of a privileged domain.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

enum class PhysdevCommand : std::uint32_t {
    IrqUnmaskNotify = 4,    // obsolete
    IrqStatusQuery = 5,     // PhysdevIrqStatusQuery
    SetIopl = 6,            // PhysdevSetIopl
    SetIobitmap = 7,        // PhysdevSetIobitmap
    ApicRead = 8,           // PhysdevApic
    ApicWrite = 9,          // PhysdevApic
    AllocIrqVector = 10,    // PhysdevIrq
    FreeIrqVector = 11,     // PhysdevIrq
    Eoi = 12,               // PhysdevEoi
    MapPirq = 13,           // PhysdevMapPirq
    UnmapPirq = 14,         // PhysdevUnmapPirq
    ManagePciAdd = 15,      // PhysdevManagePci
    ManagePciRemove = 16,   // PhysdevManagePci
    PirqEoiGmfnV1 = 17,     // PhysdevPirqEoiGmfn; afterwards Eoi unmasks the port too
    RestoreMsi = 19,        // PhysdevManagePci
    ManagePciAddExt = 20,   // PhysdevManagePciExt
    SetupGsi = 21,          // PhysdevSetupGsi
    GetFreePirq = 23,       // PhysdevGetFreePirq
    PciMmcfgReserved = 24,  // PhysdevPciMmcfgReserved
    PciDeviceAdd = 25,      // PhysdevPciDeviceAdd
    PciDeviceRemove = 26,   // PhysdevPciDevice
    RestoreMsiExt = 27,     // PhysdevPciDevice
    PirqEoiGmfnV2 = 28,     // PhysdevPirqEoiGmfn
    DbgpOp = 29,            // PhysdevDbgpOp
    PrepareMsix = 30,       // PhysdevPciDevice
    ReleaseMsix = 31,       // PhysdevPciDevice
};

// HypercallId::PhysdevOpCompat(where): the command, 32 bits, at +0 and its structure at +8;
// only IrqStatusQuery to FreeIrqVector.
inline constexpr std::uint64_t kPhysdevCompatArgument = 8;

struct PhysdevEoi {
    std::uint32_t irq;  // +0
};
static_assert(sizeof(PhysdevEoi) == 4);

struct PhysdevPirqEoiGmfn {
    std::uint64_t gmfn;  // +0   page with a bit per pirq that needs an EOI
};
static_assert(sizeof(PhysdevPirqEoiGmfn) == 8);

struct PhysdevIrqStatusQuery {
    std::uint32_t irq;    // +0   in
    std::uint32_t flags;  // +4   out: kIrqStatus*
};
static_assert(sizeof(PhysdevIrqStatusQuery) == 8);
inline constexpr std::uint32_t kIrqStatusNeedsEoi = 1u << 0;
inline constexpr std::uint32_t kIrqStatusShared = 1u << 1;

struct PhysdevSetIopl {
    std::uint32_t iopl;  // +0
};
static_assert(sizeof(PhysdevSetIopl) == 4);

struct PhysdevSetIobitmap {
    std::uint64_t bitmap;    // +0   address of the bitmap
    std::uint32_t nr_ports;  // +8
    std::uint32_t pad;       // +12
};
static_assert(sizeof(PhysdevSetIobitmap) == 16);

struct PhysdevApic {
    std::uint64_t apic_physbase;  // +0   in
    std::uint32_t reg;            // +8   in
    std::uint32_t value;          // +12  in or out
};
static_assert(sizeof(PhysdevApic) == 16);

struct PhysdevIrq {
    std::uint32_t irq;     // +0   in
    std::uint32_t vector;  // +4   in or out
};
static_assert(sizeof(PhysdevIrq) == 8);

enum class MapPirqType : std::int32_t { Msi = 0, Gsi = 1, Unknown = 2, MsiSegment = 3, MultiMsi = 4 };

struct PhysdevMapPirq {
    std::uint16_t domid;       // +0   in
    std::uint16_t pad0;        // +2
    std::int32_t type;         // +4   in: MapPirqType
    std::int32_t index;        // +8   in: GSI
    std::int32_t pirq;         // +12  in: wanted or negative; out
    std::int32_t bus;          // +16  in: segment in bits 31:16 for MsiSegment and MultiMsi
    std::int32_t devfn;        // +20  in
    std::int32_t entry_nr;     // +24  in: MSI-X entry, or vectors for MultiMsi (out too)
    std::uint32_t pad1;        // +28
    std::uint64_t table_base;  // +32  in: MSI-X table's machine address, 0 for MSI
};
static_assert(sizeof(PhysdevMapPirq) == 40);

struct PhysdevUnmapPirq {
    std::uint16_t domid;  // +0
    std::uint16_t pad;    // +2
    std::int32_t pirq;    // +4
};
static_assert(sizeof(PhysdevUnmapPirq) == 8);

struct PhysdevManagePci {
    std::uint8_t bus;    // +0
    std::uint8_t devfn;  // +1
};
static_assert(sizeof(PhysdevManagePci) == 2);

struct PhysdevManagePciExt {
    std::uint8_t bus;         // +0
    std::uint8_t devfn;       // +1
    std::uint16_t pad0;       // +2
    std::uint32_t is_extfn;   // +4
    std::uint32_t is_virtfn;  // +8
    PhysdevManagePci physfn;  // +12
    std::uint16_t pad1;       // +14
};
static_assert(sizeof(PhysdevManagePciExt) == 16);

struct PhysdevSetupGsi {
    std::int32_t gsi;         // +0
    std::uint8_t triggering;  // +4   0 edge, 1 level
    std::uint8_t polarity;    // +5   0 active high, 1 active low
    std::uint16_t pad;        // +6
};
static_assert(sizeof(PhysdevSetupGsi) == 8);

struct PhysdevGetFreePirq {
    std::int32_t type;   // +0   in: MapPirqType
    std::uint32_t pirq;  // +4   out
};
static_assert(sizeof(PhysdevGetFreePirq) == 8);

struct PhysdevPciMmcfgReserved {
    std::uint64_t address;   // +0
    std::uint16_t segment;   // +8
    std::uint8_t start_bus;  // +10
    std::uint8_t end_bus;    // +11
    std::uint32_t flags;     // +12  kPciMmcfgReserved
};
static_assert(sizeof(PhysdevPciMmcfgReserved) == 16);
inline constexpr std::uint32_t kPciMmcfgReserved = 1;

// Followed by one u32 with the proximity domain when kPciDevPxm is set.
struct PhysdevPciDeviceAdd {
    std::uint16_t seg;        // +0
    std::uint8_t bus;         // +2
    std::uint8_t devfn;       // +3
    std::uint32_t flags;      // +4   kPciDev*
    PhysdevManagePci physfn;  // +8
    std::uint16_t pad;        // +10
};
static_assert(sizeof(PhysdevPciDeviceAdd) == 12);
inline constexpr std::uint32_t kPciDevExtfn = 1;
inline constexpr std::uint32_t kPciDevVirtfn = 2;
inline constexpr std::uint32_t kPciDevPxm = 4;

struct PhysdevPciDevice {
    std::uint16_t seg;   // +0
    std::uint8_t bus;    // +2
    std::uint8_t devfn;  // +3
};
static_assert(sizeof(PhysdevPciDevice) == 4);

enum class DbgpCommand : std::uint8_t { ResetPrepare = 1, ResetDone = 2 };
enum class DbgpBus : std::uint8_t { Unknown = 0, Pci = 1 };

struct PhysdevDbgpOp {
    std::uint8_t op;       // +0   DbgpCommand
    std::uint8_t bus;      // +1   DbgpBus
    PhysdevPciDevice pci;  // +2
};
static_assert(sizeof(PhysdevDbgpOp) == 6);

}  // namespace hv::abi::xen
