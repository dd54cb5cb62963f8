// Instructions that hv carries out for a guest's kernel.
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

struct Instruction;

// A write to a mapped page table. True: done (or the guest got its fault); false: not such a write.
bool emulate_table_write(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address);

// A privileged instruction that faulted with #GP. False: the guest gets the fault.
bool emulate_privileged(Vcpu& vcpu, TrapFrame& frame);

// After an instruction that was emulated, as if the processor had executed it: the resume flag is
// spent, and single-stepping traps after it.
void instruction_done(Vcpu& vcpu, TrapFrame& frame);
// IN, OUT, INS and OUTS; `instruction` is one of them.
bool emulate_port_io(Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction);

// SGDT, SIDT, SLDT, STR and SMSW, which fault in ring 3 where the CPU has UMIP. Any code may execute them; it sees what
// a machine without interesting tables would say, never hv's addresses.
bool is_table_query(const Instruction& instruction);
bool emulate_table_query(Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction);

}  // namespace hv::x86
