// Compiled to assembly only: CMake turns each line into a #define of asm_constants.h.
#include <cstddef>
#include <cstdint>

#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/spec_ctrl.hpp"
#include "hv/x86/leaks/entry_measures.hpp"
#include "hv/x86/paging/layout.hpp"
#include "hv/x86/pv/traps/compat_entry.hpp"
#include "hv/x86/pv/traps/traps.hpp"
#include "hv/x86/traps/trap_frame.hpp"

#define HV_ASM_CONSTANT(name, value) asm volatile("\n@HV_ASM " #name " %0" : : "i"(std::uint64_t{value}))

namespace hv::x86 {

constexpr std::uint64_t table_offset(std::uint64_t address, unsigned shift) {
    return ((address >> shift) & 511) * 8;
}

[[gnu::used]] static void constants() {
    HV_ASM_CONSTANT(IMAGE_BASE, kImageBase);
    HV_ASM_CONSTANT(IMAGE_PHYSICAL, kImagePhysical);
    HV_ASM_CONSTANT(IMAGE_L4_OFFSET, table_offset(kImageBase, 39));
    HV_ASM_CONSTANT(IMAGE_L3_OFFSET, table_offset(kImageBase, 30));
    HV_ASM_CONSTANT(DIRECT_MAP_L4_OFFSET, table_offset(kDirectMapBase, 39));
    HV_ASM_CONSTANT(STACK_SIZE, kStackSize);
    HV_ASM_CONSTANT(STACK_RESERVED, kStackReserved);
    HV_ASM_CONSTANT(STACKS_BASE, kStacksBase);
    HV_ASM_CONSTANT(MAX_CPUS, kMaxCpus);
    HV_ASM_CONSTANT(SYSCALL_STUB_BYTES, kSyscallStubBytes);
    HV_ASM_CONSTANT(SYSCALL32_STUB_BYTES, kSyscall32StubBytes);
    HV_ASM_CONSTANT(SYSCALL_LENGTH, kSyscallLength);
    HV_ASM_CONSTANT(VECTOR_SYSCALL, kVectorSyscall);

    HV_ASM_CONSTANT(PER_CPU_SCRATCH, offsetof(PerCpu, scratch));
    HV_ASM_CONSTANT(PER_CPU_HV_ROOT, offsetof(PerCpu, isolation) + offsetof(IsolationGate, hv_root));
    HV_ASM_CONSTANT(PER_CPU_ENTRY_ALIAS, offsetof(PerCpu, isolation) + offsetof(IsolationGate, entry_alias));
    HV_ASM_CONSTANT(PER_CPU_GUEST_SPEC_CTRL, offsetof(PerCpu, guest_spec_ctrl));
    HV_ASM_CONSTANT(PER_CPU_BARRIER_ON_ENTRY, offsetof(PerCpu, barrier_on_entry));
    HV_ASM_CONSTANT(PER_CPU_HAS_SPEC_CTRL, offsetof(PerCpu, has_spec_ctrl));
    HV_ASM_CONSTANT(TRAP_FRAME_SIZE, sizeof(TrapFrame));
    HV_ASM_CONSTANT(TRAP_FRAME_CS, offsetof(TrapFrame, cs));
    HV_ASM_CONSTANT(ERROR_CODE_VECTORS, kErrorCodeVectors);
    HV_ASM_CONSTANT(USER_CODE32, kUserCode32);
    HV_ASM_CONSTANT(USER_CODE64, kUserCode64);
    HV_ASM_CONSTANT(USER_DATA, kUserData);
    HV_ASM_CONSTANT(KERNEL_DATA, kKernelData);

    HV_ASM_CONSTANT(MSR_SPEC_CTRL, static_cast<std::uint32_t>(Msr::SpecCtrl));
    HV_ASM_CONSTANT(MSR_PRED_CMD, static_cast<std::uint32_t>(Msr::PredCmd));
    HV_ASM_CONSTANT(PRED_CMD_IBPB, kPredCmdIbpb);
    HV_ASM_CONSTANT(ISOLATE, kIsolate.bits());
    HV_ASM_CONSTANT(SWITCH_SPEC_CTRL, kSwitchSpecCtrl.bits());
    HV_ASM_CONSTANT(WRITE_SPEC_CTRL_ALWAYS, kWriteSpecCtrlAlways.bits());
    HV_ASM_CONSTANT(BARRIER_ON_ENTRY, kBarrierOnEntry.bits());
    HV_ASM_CONSTANT(FILL_RETURNS, kFillReturnsOnEntry.bits());
    HV_ASM_CONSTANT(CLEAR_HISTORY, kClearHistory.bits());
    HV_ASM_CONSTANT(CLEAR_LONG_HISTORY, kClearLongHistory.bits());
    HV_ASM_CONSTANT(CLEAR_BUFFERS, kClearBuffers.bits());
    HV_ASM_CONSTANT(SCRUB_DIVIDER, kScrubDivider.bits());
    HV_ASM_CONSTANT(ON_ENTRY, kOnEntry.bits());
    HV_ASM_CONSTANT(ON_EXIT, kOnExit.bits());
    HV_ASM_CONSTANT(ON_CRITICAL_TRAP, kOnCriticalTrap.bits());
    HV_ASM_CONSTANT(RETPOLINE, Measures{Measure::Retpoline}.bits());
    HV_ASM_CONSTANT(LFENCE_THUNK, Measures{Measure::LfenceThunk}.bits());
}

}  // namespace hv::x86
