// Each CPU's registers for SYSCALL and SYSENTER: where guests' system calls and hypercalls enter hv.
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/segments.hpp"
#include "hv/x86/pv/traps/compat_entry.hpp"
#include "hv/x86/pv/traps/traps.hpp"

extern "C" const char syscall_stubs[];

namespace hv::x86 {

void enable_syscalls(CpuId cpu) {
    // SYSCALL takes the code segment from bits 32 to 47 and the stack segment 8 after it. SYSRET takes the one for
    // 64-bit code 16 after bits 48 to 63 and the stack segment 8 after them (Intel SDM volume 2, SYSCALL and SYSRET).
    const std::uint64_t star = (std::uint64_t{kUserCode32} << 48) | (std::uint64_t{kKernelCode} << 32);
    const auto entry = reinterpret_cast<std::uint64_t>(syscall_stubs) + std::uint64_t{cpu.raw} * kSyscallStubBytes;
    write_msr(Msr::Star, star);
    write_msr(Msr::Lstar, entry);
    write_msr(Msr::SyscallMask,
              kRflagsTf | kRflagsIf | kRflagsDf | kRflagsIopl | kRflagsNt | kRflagsRf | kRflagsVm | kRflagsAc);
    write_msr(Msr::Efer, read_msr(Msr::Efer) | kEferSce);
    enable_compat_entries(cpu);
}

}  // namespace hv::x86
