// A vCPU's state as GetVcpuState gives it: a row of records. Each says what it is about (kind), what its contents mean
// (version) and how long they are (length), so that a reader skips what it does not know, and can tell whether it knows
// everything.
//
//   * Records begin at multiples of 8 bytes. The contents follow the VcpuRecord, and zeros fill the space between them
//     and the next record.
//   * A kind's number is never reused. Contents of one version only grow at their end, and a zero in what was added
//     means the same as its absence did. The version is increased when older contents get another meaning.
//   * A kind occurs once at most, and is left out when the vCPU has no such state. The order of records means nothing.
//   * Kinds below kFirstPvRecord are every guest's; others belong to one kind of guest.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::control {

enum class VcpuRecordKind : std::uint32_t {
    General = 1,            // VcpuGeneralRegisters
    Segments = 2,           // VcpuSegments
    Control = 3,            // VcpuControlRegisters
    Debug = 4,              // VcpuDebugRegisters
    Fpu = 5,                // VcpuFpu
    Execution = 6,          // VcpuExecution
    Timers = 7,             // VcpuTimers
    PvEntries = 0x100,      // PvEntries
    PvTraps = 0x101,        // PvTrap[]: the vectors that have a handler
    PvDescriptors = 0x102,  // PvDescriptors
    PvTables = 0x103,       // PvTables
    PvIo = 0x104,           // PvIo
};
inline constexpr std::uint32_t kFirstPvRecord = 0x100;
inline constexpr std::uint16_t kVcpuRecordVersion = 1;  // of all that are described here

struct VcpuRecord {
    std::uint32_t kind;      // +0   VcpuRecordKind
    std::uint16_t version;   // +4   kVcpuRecordVersion, so far
    std::uint16_t reserved;  // +6   0
    std::uint64_t length;    // +8   of the contents, in bytes, without what fills up to a multiple of 8
};
static_assert(sizeof(VcpuRecord) == 16);

constexpr std::uint64_t vcpu_record_size(std::uint64_t length) {
    return sizeof(VcpuRecord) + (length + 7) / 8 * 8;
}

struct VcpuGeneralRegisters {
    std::uint64_t rax, rcx, rdx, rbx;  // +0   +8 +16 +24: in the order of their encoding
    std::uint64_t rsp, rbp, rsi, rdi;  // +32
    std::uint64_t r8, r9, r10, r11;    // +64
    std::uint64_t r12, r13, r14, r15;  // +96
    std::uint64_t rip;                 // +128
    std::uint64_t rflags;              // +136  as the guest believes it to be: with its IOPL
};
static_assert(sizeof(VcpuGeneralRegisters) == 144 && offsetof(VcpuGeneralRegisters, rip) == 128);

// Selectors, as far as descriptors are in the guest's memory, and the bases that are not there.
struct VcpuSegments {
    std::uint16_t es, cs, ss, ds, fs, gs;  // +0
    std::uint16_t reserved[2];             // +12
    std::uint64_t fs_base;                 // +16
    std::uint64_t gs_base_kernel;          // +24
    std::uint64_t gs_base_user;            // +32
};
static_assert(sizeof(VcpuSegments) == 40 && offsetof(VcpuSegments, fs_base) == 16);

// As the guest believes them to be.
struct VcpuControlRegisters {
    std::uint64_t cr0;             // +0
    std::uint64_t cr2;             // +8
    std::uint64_t cr3;             // +16  machine address of the root table that is in use
    std::uint64_t cr4;             // +24
    std::uint64_t tsc_aux;         // +32
    std::uint64_t spec_ctrl;       // +40  IA32_SPEC_CTRL, 0 where the vCPU has none
    std::uint64_t virt_spec_ctrl;  // +48  AMD's VIRT_SPEC_CTRL, 0 where the vCPU has none
};
static_assert(sizeof(VcpuControlRegisters) == 56);

struct VcpuDebugRegisters {
    std::uint64_t dr[8];  // +0  4 and 5 are 0
};
static_assert(sizeof(VcpuDebugRegisters) == 64);

// The state that XCR0 enables, in the processor's own format. `image` follows.
enum class FpuFormat : std::uint32_t { Fxsave = 0, Xsave = 1 };
struct VcpuFpu {
    std::uint64_t xcr0;    // +0
    std::uint32_t format;  // +8   FpuFormat; Xsave is the standard form, not the compacted one
    std::uint32_t size;    // +12  of the image, in bytes
};
static_assert(sizeof(VcpuFpu) == 16);

inline constexpr std::uint32_t kExecutionOnline = 1u << 0;      // it has been brought up, and not down again
inline constexpr std::uint32_t kExecutionBlocked = 1u << 1;     // it waits for an event
inline constexpr std::uint32_t kExecutionNmiPending = 1u << 2;  // one that it has not taken yet
struct VcpuExecution {
    std::uint32_t flags;             // +0
    std::uint32_t reserved;          // +4
    std::uint64_t state_time_ns[4];  // +8  time spent in each RunState (vcpu.hpp)
};
static_assert(sizeof(VcpuExecution) == 40);

// System time, as the guest's clock shows it; 0: the timer is not set.
struct VcpuTimers {
    std::uint64_t now;         // +0   when this was written
    std::uint64_t singleshot;  // +8   when it is due
    std::uint64_t periodic;    // +16  when it is due next
    std::uint64_t period;      // +24  in nanoseconds; 0: none
};
static_assert(sizeof(VcpuTimers) == 32);

inline constexpr std::uint32_t kPvKernelMode = 1u << 0;           // it runs, or was stopped in, its kernel
inline constexpr std::uint32_t kPvFailsafeMasksEvents = 1u << 1;  // entering by failsafe_callback sets the upcall mask
inline constexpr std::uint32_t kPvSyscallMasksEvents = 1u << 2;   // by syscall_callback, and so on
inline constexpr std::uint32_t kPvSyscall32MasksEvents = 1u << 3;
inline constexpr std::uint32_t kPvSysenterMasksEvents = 1u << 4;
// Where a PV guest's kernel is entered; 0: nowhere.
struct PvEntries {
    std::uint32_t flags;                 // +0
    std::uint32_t reserved;              // +4
    std::uint64_t kernel_ss, kernel_sp;  // +8   the stack on entry from user mode
    std::uint64_t event_callback;        // +24
    std::uint64_t failsafe_callback;     // +32
    std::uint64_t syscall_callback;      // +40
    std::uint64_t nmi_callback;          // +48
    std::uint64_t syscall32_callback;    // +56
    std::uint64_t sysenter_callback;     // +64
    std::uint64_t vm_assist;             // +72  bitmap of VmAssistType; the domain's
};
static_assert(sizeof(PvEntries) == 80);

struct PvTrap {
    std::uint8_t vector;     // +0
    std::uint8_t flags;      // +1  as of Xen's trap_info
    std::uint16_t cs;        // +2
    std::uint32_t reserved;  // +4
    std::uint64_t address;   // +8
};
static_assert(sizeof(PvTrap) == 16);

struct PvDescriptors {
    std::uint64_t gdt_frames[16];  // +0    machine frames; those in use are the first ones
    std::uint32_t gdt_entries;     // +128
    std::uint32_t ldt_entries;     // +132
    std::uint64_t ldt_base;        // +136  linear address
};
static_assert(sizeof(PvDescriptors) == 144);

// Root tables, by machine frame; 0: none.
struct PvTables {
    std::uint64_t kernel;  // +0
    std::uint64_t user;    // +8
};
static_assert(sizeof(PvTables) == 16);

struct PvIo {
    std::uint32_t iopl;          // +0
    std::uint32_t bitmap_ports;  // +4   how many ports the bitmap is about
    std::uint64_t bitmap;        // +8   address in the guest; a set bit forbids the port
};
static_assert(sizeof(PvIo) == 16);

}  // namespace hv::abi::control
