// Compiled to assembly only: CMake turns each line into a #define of asm_constants.h.
#include <cstddef>
#include <cstdint>

#include "hv/x86/cpu/per_cpu.hpp"
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
    HV_ASM_CONSTANT(VECTOR_SYSCALL, kVectorSyscall);

    HV_ASM_CONSTANT(PER_CPU_SCRATCH, offsetof(PerCpu, scratch));
    HV_ASM_CONSTANT(TRAP_FRAME_SIZE, sizeof(TrapFrame));
    HV_ASM_CONSTANT(TRAP_FRAME_CS, offsetof(TrapFrame, cs));
    HV_ASM_CONSTANT(ERROR_CODE_VECTORS, kErrorCodeVectors);
    HV_ASM_CONSTANT(USER_CODE32, kUserCode32);
    HV_ASM_CONSTANT(USER_CODE64, kUserCode64);
    HV_ASM_CONSTANT(USER_DATA, kUserData);
}

}  // namespace hv::x86
