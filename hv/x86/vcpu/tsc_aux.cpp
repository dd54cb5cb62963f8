#include "hv/x86/vcpu/tsc_aux.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/emulate/instruction.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint16_t kGroup9 = 0x0fc7;
constexpr unsigned kRdpid = 7;

}  // namespace

void load_tsc_aux(const Vcpu& vcpu) {
    PerCpu& cpu = per_cpu();
    const std::uint64_t wanted = vcpu.arch->tsc_aux;
    if (cpu.tsc_aux == wanted) return;
    cpu.tsc_aux = wanted;
    if (cpu_has(Feature::Rdtscp) || cpu_has(Feature::Rdpid)) write_msr(Msr::TscAux, wanted);
}

bool emulate_rdpid(Vcpu& vcpu, TrapFrame& frame) {
    if (cpu_has(Feature::Rdpid)) return false;
    Instruction in;
    if (!decode(frame, in) || in.opcode != kGroup9 || in.mod != 3 || (in.reg & 7) != kRdpid) return false;
    if (!in.rep || in.lock) return false;
    register_of(frame, in.rm) = vcpu.arch->tsc_aux;
    frame.rip += in.length;
    return true;
}

}  // namespace hv::x86
