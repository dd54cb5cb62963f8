// Registers and everything else that makes up a PV vCPU: VCPUOP_initialise and the control hypercall carry it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

struct CpuUserRegs {
    std::uint64_t r15, r14, r13, r12;  // +0 +8 +16 +24
    std::uint64_t rbp, rbx;            // +32 +40
    std::uint64_t r11, r10, r9, r8;    // +48 +56 +64 +72
    std::uint64_t rax, rcx, rdx;       // +80 +88 +96
    std::uint64_t rsi, rdi;            // +104 +112
    std::uint32_t error_code;          // +120  hypervisor's own
    std::uint32_t entry_vector;        // +124  hypervisor's own
    std::uint64_t rip;                 // +128
    std::uint16_t cs, pad0;            // +136
    std::uint8_t saved_upcall_mask;    // +140  upcall mask to be restored with this frame
    std::uint8_t pad1[3];              // +141
    std::uint64_t rflags;              // +144
    std::uint64_t rsp;                 // +152
    std::uint16_t ss, pad2[3];         // +160
    std::uint16_t es, pad3[3];         // +168
    std::uint16_t ds, pad4[3];         // +176
    std::uint16_t fs, pad5[3];         // +184
    std::uint16_t gs, pad6[3];         // +192
};
static_assert(sizeof(CpuUserRegs) == 200 && offsetof(CpuUserRegs, rip) == 128 && offsetof(CpuUserRegs, rsp) == 152);

// An entry of the virtual IDT. HypercallId::SetTrapTable(TrapInfo[]) takes a list that ends with address 0.
struct TrapInfo {
    std::uint8_t vector;    // +0
    std::uint8_t flags;     // +1   bits 0-1 the ring that may use INT n; kTrapMaskEvents
    std::uint16_t cs;       // +2
    std::uint32_t pad;      // +4
    std::uint64_t address;  // +8
};
static_assert(sizeof(TrapInfo) == 16);
inline constexpr std::uint8_t kTrapDplMask = 3;
inline constexpr std::uint8_t kTrapMaskEvents = 4;  // entering the handler sets the upcall mask

// VcpuGuestContext::flags
inline constexpr std::uint64_t kVgcfI387Valid = 1u << 0;
inline constexpr std::uint64_t kVgcfInKernel = 1u << 2;
inline constexpr std::uint64_t kVgcfFailsafeDisablesEvents = 1u << 3;
inline constexpr std::uint64_t kVgcfSyscallDisablesEvents = 1u << 4;
inline constexpr std::uint64_t kVgcfOnline = 1u << 5;
inline constexpr std::uint64_t kVgcfInSyscall = 1u << 8;

struct VcpuGuestContext {
    alignas(8) std::uint8_t fpu_context[512];  // +0     FXSAVE image
    std::uint64_t flags;                       // +512   kVgcf*
    CpuUserRegs user_regs;                     // +520
    TrapInfo trap_context[256];                // +720
    std::uint64_t ldt_base, ldt_entries;       // +4816  linear address
    std::uint64_t gdt_frames[16];              // +4832  machine frames
    std::uint64_t gdt_entries;                 // +4960
    std::uint64_t kernel_ss, kernel_sp;        // +4968  stack on entry from user mode
    std::uint64_t ctrlreg[8];                  // +4984  3: kernel page table, 1: user page table
    std::uint64_t debugreg[8];                 // +5048
    std::uint64_t event_callback_rip;          // +5112
    std::uint64_t failsafe_callback_rip;       // +5120
    std::uint64_t syscall_callback_rip;        // +5128
    std::uint64_t vm_assist;                   // +5136  bitmap of VmAssistType
    std::uint64_t fs_base;                     // +5144
    std::uint64_t gs_base_kernel;              // +5152
    std::uint64_t gs_base_user;                // +5160
};
static_assert(sizeof(VcpuGuestContext) == 5168 && offsetof(VcpuGuestContext, trap_context) == 720 &&
              offsetof(VcpuGuestContext, ctrlreg) == 4984);

// ctrlreg[3] and ctrlreg[1] carry the machine frame as an address.
constexpr std::uint64_t frame_to_cr3(std::uint64_t mfn) {
    return mfn << 12;
}
constexpr std::uint64_t cr3_to_frame(std::uint64_t cr3) {
    return cr3 >> 12;
}

// What HypercallId::Iret finds at the guest's stack pointer.
struct IretContext {
    std::uint64_t rax;     // +0
    std::uint64_t r11;     // +8
    std::uint64_t rcx;     // +16
    std::uint64_t flags;   // +24  kVgcfInSyscall: return with SYSRET, rcx and r11 need not be restored
    std::uint64_t rip;     // +32
    std::uint64_t cs;      // +40
    std::uint64_t rflags;  // +48
    std::uint64_t rsp;     // +56
    std::uint64_t ss;      // +64
};
static_assert(sizeof(IretContext) == 72);

}  // namespace hv::abi::xen
