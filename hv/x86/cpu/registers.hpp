// Control registers, MSRs, flags and the few instructions that C++ has no word for.
#pragma once

#include <cstdint>

namespace hv::x86 {

// Bits of the control registers (Intel SDM volume 3, "Control Registers").
enum Cr0 : std::uint64_t {
    kCr0Pe = 1u << 0,
    kCr0Mp = 1u << 1,
    kCr0Em = 1u << 2,
    kCr0Ts = 1u << 3,
    kCr0Ne = 1u << 5,
    kCr0Wp = 1u << 16,
    kCr0Am = 1u << 18,
    kCr0Cd = 1u << 30,
    kCr0Pg = 1u << 31
};
enum Cr4 : std::uint64_t {
    kCr4Vme = 1u << 0,
    kCr4Pvi = 1u << 1,
    kCr4Tsd = 1u << 2,
    kCr4De = 1u << 3,
    kCr4Pse = 1u << 4,
    kCr4Pae = 1u << 5,
    kCr4Mce = 1u << 6,
    kCr4Pge = 1u << 7,
    kCr4Pce = 1u << 8,
    kCr4Osfxsr = 1u << 9,
    kCr4Osxmmexcpt = 1u << 10,
    kCr4Umip = 1u << 11,
    kCr4Vmxe = 1u << 13,
    kCr4Pcide = 1u << 17,
    kCr4Osxsave = 1u << 18,
    kCr4Smep = 1u << 20,
    kCr4Smap = 1u << 21,
    kCr4Pke = 1u << 22
};
enum Rflags : std::uint64_t {
    kRflagsTf = 1u << 8,
    kRflagsIf = 1u << 9,
    kRflagsDf = 1u << 10,
    kRflagsIopl = 3u << 12,
    kRflagsNt = 1u << 14,
    kRflagsRf = 1u << 16,
    kRflagsVm = 1u << 17,
    kRflagsAc = 1u << 18
};
inline constexpr unsigned kRflagsIoplShift = 12;

#define HV_CONTROL_REGISTER(name)                                       \
    inline std::uint64_t read_##name() {                                \
        std::uint64_t value;                                            \
        asm volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value;                                                   \
    }                                                                   \
    inline void write_##name(std::uint64_t value) {                     \
        asm volatile("mov %0, %%" #name : : "r"(value) : "memory");     \
    }
HV_CONTROL_REGISTER(cr0)
HV_CONTROL_REGISTER(cr2)
HV_CONTROL_REGISTER(cr3)
HV_CONTROL_REGISTER(cr4)
#undef HV_CONTROL_REGISTER

enum class Msr : std::uint32_t {
    IntelPlatformId = 0x17,
    ApicBase = 0x1b,
    SpecCtrl = 0x48,  // cpu/spec_ctrl.hpp owns it
    PredCmd = 0x49,
    IntelMicrocodeUpdate = 0x79,
    MicrocodeRevision = 0x8b,
    ArchCapabilities = 0x10a,
    FlushCmd = 0x10b,
    TsxControl = 0x122,
    AmdFloatConfiguration = 0xc001'1028,
    AmdDecodeConfiguration2 = 0xc001'1029,
    MiscEnable = 0x1a0,
    Pat = 0x277,
    TscDeadline = 0x6e0,
    X2ApicBase = 0x800,  // register n of the APIC is MSR 0x800 + n / 16
    McgCap = 0x179,
    McgStatus = 0x17a,
    McgCtl = 0x17b,
    Mc0Ctl = 0x400,  // bank n: + 4n; then status, address, misc
    Mc0Status = 0x401,
    Efer = 0xc000'0080,
    Star = 0xc000'0081,
    Lstar = 0xc000'0082,
    Cstar = 0xc000'0083,
    SyscallMask = 0xc000'0084,
    FsBase = 0xc000'0100,
    GsBase = 0xc000'0101,
    KernelGsBase = 0xc000'0102,
    TscAux = 0xc000'0103,
    MicrocodeOptions = 0x123,  // MCU_OPT_CTRL
    AmdNonBranches = 0xc001'10e3,
    AmdHardwareConfiguration = 0xc001'0015,
    AmdMicrocodeUpdate = 0xc001'0020,
    AmdLsCfg = 0xc001'1020,
    AmdVirtSpecCtrl = 0xc001'011f,
    SysenterCs = 0x174,
    SysenterEsp = 0x175,
    SysenterEip = 0x176,
};
enum Efer : std::uint64_t {
    kEferSce = 1u << 0,
    kEferLme = 1u << 8,
    kEferLma = 1u << 10,
    kEferNxe = 1u << 11,
    kEferAutoIbrs = 1u << 21
};
enum TsxControlBits : std::uint64_t { kTsxDisabled = 1u << 0, kTsxHidden = 1u << 1 };  // its CPUID bits are gone

inline std::uint64_t read_msr(std::uint32_t msr) {
    std::uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (std::uint64_t{high} << 32) | low;
}
inline void write_msr(std::uint32_t msr, std::uint64_t value) {
    asm volatile("wrmsr"
                 :
                 : "c"(msr), "a"(static_cast<std::uint32_t>(value)), "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}
inline std::uint64_t read_msr(Msr msr) {
    return read_msr(static_cast<std::uint32_t>(msr));
}
inline void write_msr(Msr msr, std::uint64_t value) {
    write_msr(static_cast<std::uint32_t>(msr), value);
}

inline void disable_interrupts() {
    asm volatile("cli" : : : "memory");
}
inline void pause() {
    asm volatile("pause" : : : "memory");
}
inline void halt() {
    asm volatile("hlt" : : : "memory");
}

inline std::uint64_t read_tsc() {
    std::uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (std::uint64_t{high} << 32) | low;
}
// Not before earlier loads are done: for comparisons between CPUs.
inline std::uint64_t read_tsc_ordered() {
    std::uint32_t low, high;
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (std::uint64_t{high} << 32) | low;
}

inline void invalidate_page(std::uint64_t address) {
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

}  // namespace hv::x86
