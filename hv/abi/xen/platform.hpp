// HypercallId::PlatformOp(PlatformOp*): Dom0's wishes about the machine. All share one header and a union of 128 bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

inline constexpr std::uint32_t kPlatformInterfaceVersion = 0x0300'0001;

enum class PlatformCommand : std::uint32_t {
    Settime32 = 17,
    AddMemtype = 31,
    DelMemtype = 32,
    ReadMemtype = 33,
    MicrocodeUpdate = 35,
    PlatformQuirk = 39,
    GetCpuVersion = 48,
    EfiRuntimeCall = 49,
    FirmwareInfo = 50,
    EnterAcpiSleep = 51,
    ChangeFreq = 52,
    GetIdleTime = 53,
    SetProcessorPminfo = 54,
    GetCpuInfo = 55,
    CpuOnline = 56,
    CpuOffline = 57,
    CpuHotadd = 58,
    MemHotadd = 59,
    CoreParking = 60,
    ResourceOp = 61,
    Settime64 = 62,
    GetSymbol = 63,
    GetUcodeRevision = 65,
    MicrocodeUpdate2 = 66,
};

// The wall clock would have read `secs`.`nsecs` since 1970 at `system_time`.
struct PlatformSettime32 {
    std::uint32_t secs;         // +0
    std::uint32_t nsecs;        // +4
    std::uint64_t system_time;  // +8
};
static_assert(sizeof(PlatformSettime32) == 16);

struct PlatformSettime64 {
    std::uint64_t secs;         // +0
    std::uint32_t nsecs;        // +8
    std::uint32_t mbz;          // +12
    std::uint64_t system_time;  // +16
};
static_assert(sizeof(PlatformSettime64) == 24);

struct PlatformAddMemtype {
    std::uint64_t mfn;      // +0   in
    std::uint64_t nr_mfns;  // +8   in
    std::uint32_t type;     // +16  in: MTRR memory type
    std::uint32_t handle;   // +20  out
    std::uint32_t reg;      // +24  out
    std::uint32_t pad;      // +28
};
static_assert(sizeof(PlatformAddMemtype) == 32);

struct PlatformDelMemtype {
    std::uint32_t handle;  // +0
    std::uint32_t reg;     // +4
};
static_assert(sizeof(PlatformDelMemtype) == 8);

struct PlatformReadMemtype {
    std::uint32_t reg;      // +0   in
    std::uint32_t pad0;     // +4
    std::uint64_t mfn;      // +8   out
    std::uint64_t nr_mfns;  // +16  out
    std::uint32_t type;     // +24  out
    std::uint32_t pad1;     // +28
};
static_assert(sizeof(PlatformReadMemtype) == 32);

struct PlatformMicrocode {
    std::uint64_t data;    // +0
    std::uint32_t length;  // +8
    std::uint32_t pad;     // +12
};
static_assert(sizeof(PlatformMicrocode) == 16);

struct PlatformMicrocode2 {
    std::uint32_t flags;   // +0  kMicrocodeForce
    std::uint32_t length;  // +4
    std::uint64_t data;    // +8
};
static_assert(sizeof(PlatformMicrocode2) == 16);
inline constexpr std::uint32_t kMicrocodeForce = 1;

struct PlatformUcodeRevision {
    std::uint32_t cpu;             // +0   in
    std::uint32_t signature;       // +4   out
    std::uint32_t platform_flags;  // +8   out
    std::uint32_t revision;        // +12  out
};
static_assert(sizeof(PlatformUcodeRevision) == 16);

struct PlatformQuirk {
    std::uint32_t quirk_id;  // +0
};
static_assert(sizeof(PlatformQuirk) == 4);

enum class FirmwareInfoType : std::uint32_t {
    DiskInfo = 1,
    DiskMbrSignature = 2,
    VbeDdcInfo = 3,
    EfiInfo = 4,
    KeyboardShiftFlags = 5,
};

struct PlatformFirmwareInfo {
    std::uint32_t type;   // +0   in: FirmwareInfoType
    std::uint32_t index;  // +4   in
    union {
        struct {
            std::uint8_t device;                    // +8
            std::uint8_t version;                   // +9
            std::uint16_t interface_support;        // +10
            std::uint16_t legacy_max_cylinder;      // +12
            std::uint8_t legacy_max_head;           // +14
            std::uint8_t legacy_sectors_per_track;  // +15
            std::uint64_t edd_params;               // +16
        } disk_info;
        struct {
            std::uint8_t device;          // +8
            std::uint8_t pad[3];          // +9
            std::uint32_t mbr_signature;  // +12
        } disk_mbr_signature;
        struct {
            std::uint8_t capabilities;        // +8
            std::uint8_t edid_transfer_time;  // +9
            std::uint8_t pad[6];              // +10
            std::uint64_t edid;               // +16  u8[128]
        } vbeddc_info;
        std::uint8_t efi_info[32];     // +8
        std::uint8_t kbd_shift_flags;  // +8
    } u;                               // +8
};
static_assert(sizeof(PlatformFirmwareInfo) == 40 && offsetof(PlatformFirmwareInfo, u) == 8);

struct PlatformEnterAcpiSleep {
    std::uint16_t val_a;        // +0   PM1a control
    std::uint16_t val_b;        // +2   PM1b control
    std::uint32_t sleep_state;  // +4   1 to 5
    std::uint32_t flags;        // +8   kAcpiSleepExtended
};
static_assert(sizeof(PlatformEnterAcpiSleep) == 12);
inline constexpr std::uint32_t kAcpiSleepExtended = 1;

struct PlatformChangeFreq {
    std::uint32_t flags;  // +0   0
    std::uint32_t cpu;    // +4
    std::uint64_t freq;   // +8   Hz
};
static_assert(sizeof(PlatformChangeFreq) == 16);

struct PlatformGetIdleTime {
    std::uint64_t cpumap_bitmap;   // +0   in/out
    std::uint32_t cpumap_nr_cpus;  // +8
    std::uint32_t pad;             // +12
    std::uint64_t idletime;        // +16  u64[] out: ns
    std::uint64_t now;             // +24  out: system time
};
static_assert(sizeof(PlatformGetIdleTime) == 32);

enum class PminfoType : std::uint32_t { Cx = 0, Px = 1, Tx = 2, Pdc = 3 };

struct PlatformSetProcessorPminfo {
    std::uint32_t id;    // +0   ACPI id
    std::uint32_t type;  // +4   PminfoType
    union {
        struct {
            std::uint32_t count;   // +8
            std::uint32_t flags;   // +12
            std::uint64_t states;  // +16
        } power;
        std::uint64_t pdc;              // +8   u32[]
        std::uint8_t performance[104];  // +8
    } u;                                // +8
};
static_assert(sizeof(PlatformSetProcessorPminfo) == 112);

struct PlatformPcpuInfo {
    std::uint32_t xen_cpuid;    // +0   in
    std::uint32_t max_present;  // +4   out
    std::uint32_t flags;        // +8   out: kPcpu*
    std::uint32_t apic_id;      // +12  out
    std::uint32_t acpi_id;      // +16  out
};
static_assert(sizeof(PlatformPcpuInfo) == 20);
inline constexpr std::uint32_t kPcpuOnline = 1;
inline constexpr std::uint32_t kPcpuInvalid = 2;

struct PlatformPcpuVersion {
    std::uint32_t xen_cpuid;    // +0   in
    std::uint32_t max_present;  // +4   out
    char vendor_id[12];         // +8   out
    std::uint32_t family;       // +20  out
    std::uint32_t model;        // +24  out
    std::uint32_t stepping;     // +28  out
};
static_assert(sizeof(PlatformPcpuVersion) == 32);

struct PlatformCpuOnlineOffline {
    std::uint32_t cpu;  // +0
};
static_assert(sizeof(PlatformCpuOnlineOffline) == 4);

struct PlatformCpuHotadd {
    std::uint32_t apic_id;  // +0
    std::uint32_t acpi_id;  // +4
    std::uint32_t pxm;      // +8
};
static_assert(sizeof(PlatformCpuHotadd) == 12);

struct PlatformMemHotadd {
    std::uint64_t spfn;   // +0
    std::uint64_t epfn;   // +8
    std::uint32_t pxm;    // +16
    std::uint32_t flags;  // +20
};
static_assert(sizeof(PlatformMemHotadd) == 24);

enum class CoreParkingType : std::uint32_t { Set = 1, Get = 2 };

struct PlatformCoreParking {
    std::uint32_t type;       // +0   CoreParkingType
    std::uint32_t idle_nums;  // +4
};
static_assert(sizeof(PlatformCoreParking) == 8);

enum class ResourceOpCommand : std::uint32_t { MsrRead = 0, MsrWrite = 1 };

struct PlatformResourceEntry {
    std::uint32_t command;   // +0   in: ResourceOpCommand; out: the entry's result
    std::uint32_t reserved;  // +4
    std::uint64_t idx;       // +8
    std::uint64_t val;       // +16
};
static_assert(sizeof(PlatformResourceEntry) == 24);

struct PlatformResourceOp {
    std::uint32_t nr_entries;  // +0
    std::uint32_t cpu;         // +4
    std::uint64_t entries;     // +8   PlatformResourceEntry[]
};
static_assert(sizeof(PlatformResourceOp) == 16);

struct PlatformSymdata {
    std::uint32_t namelen;  // +0   in: room; out: needed
    std::uint32_t symnum;   // +4   in/out: next symbol
    std::uint64_t name;     // +8   char[] out
    std::uint64_t address;  // +16  out
    char type;              // +24  out
    std::uint8_t pad[7];    // +25
};
static_assert(sizeof(PlatformSymdata) == 32);

struct PlatformOp {
    std::uint32_t command;            // +0   PlatformCommand
    std::uint32_t interface_version;  // +4   kPlatformInterfaceVersion
    union {
        PlatformSettime32 settime32;
        PlatformSettime64 settime64;
        PlatformAddMemtype add_memtype;
        PlatformDelMemtype del_memtype;
        PlatformReadMemtype read_memtype;
        PlatformMicrocode microcode;
        PlatformQuirk quirk;
        PlatformFirmwareInfo firmware_info;
        PlatformEnterAcpiSleep enter_acpi_sleep;
        PlatformChangeFreq change_freq;
        PlatformGetIdleTime getidletime;
        PlatformSetProcessorPminfo set_pminfo;
        PlatformPcpuInfo pcpu_info;
        PlatformPcpuVersion pcpu_version;
        PlatformCpuOnlineOffline cpu_ol;
        PlatformCpuHotadd cpu_add;
        PlatformMemHotadd mem_add;
        PlatformCoreParking core_parking;
        PlatformResourceOp resource_op;
        PlatformSymdata symdata;
        PlatformUcodeRevision ucode_revision;
        PlatformMicrocode2 microcode2;
        std::uint8_t pad[128];
    } u;  // +8
};
static_assert(sizeof(PlatformOp) == 136 && offsetof(PlatformOp, u) == 8);

}  // namespace hv::abi::xen
