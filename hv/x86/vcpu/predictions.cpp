#include "hv/x86/vcpu/predictions.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/spec_ctrl.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {

extern "C" void fill_return_stack();  // traps/trap_entry.S

void separate_predictions(const Domain& next) {
    PerCpu& cpu = per_cpu();
    if (cpu.predictions_of == next.arch->identity) return;
    cpu.predictions_of = next.arch->identity;
    cpu.barrier_on_entry = at_work(next.privileged ? Measure::IbpbOnEntryDom0 : Measure::IbpbOnEntryDomu);
    if (!at_work(Measure::IbpbOnSwitch)) return;
    write_msr(Msr::PredCmd, kPredCmdIbpb);
    if (at_work(Measure::FillOnSwitch)) fill_return_stack();
}

}  // namespace hv::x86
