#include "hv/x86/vcpu/predictions.hpp"

#include "hv/domain/domain.hpp"
#include "hv/domain/idle_domain.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/spec_ctrl.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {

extern "C" void fill_return_stack();  // traps/trap_entry.S

namespace {

bool wants_barrier_on_entry(const Domain& domain) {
    return at_work(domain.privileged ? Measure::IbpbOnEntryDom0 : Measure::IbpbOnEntryDomu);
}

// Never 0, and never another vCPU's.
std::uint64_t identity_of(const Vcpu& vcpu) {
    constexpr unsigned kVcpuBits = 16;
    static_assert(kMaxVcpus <= 1u << kVcpuBits);
    return vcpu.domain.arch->identity << kVcpuBits | vcpu.id.raw;
}

}  // namespace

void separate_predictions(Vcpu& next) {
    PerCpu& cpu = per_cpu();
    const std::uint64_t identity = identity_of(next);
    if (cpu.predictions_of == identity && next.arch->trained == cpu.id) return;
    cpu.predictions_of = identity;
    next.arch->trained = cpu.id;
    cpu.barrier_on_entry = wants_barrier_on_entry(next.domain);
    if (!at_work(Measure::IbpbOnSwitch)) return;
    write_msr(Msr::PredCmd, kPredCmdIbpb);
    if (at_work(Measure::FillOnSwitch)) fill_return_stack();
}

void refresh_predictions() {
    PerCpu& cpu = per_cpu();
    cpu.predictions_of = 0;  // no vCPU's: the measures at work now have not kept them apart
    if (!is_idle(*cpu.current)) cpu.barrier_on_entry = wants_barrier_on_entry(cpu.current->domain);
}

}  // namespace hv::x86
