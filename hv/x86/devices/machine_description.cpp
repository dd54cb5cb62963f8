// The machine in the words of the control interface.
#include "hv/base/nospec.hpp"
#include "hv/domain/idle_domain.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/machine/description.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/microcode.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/vcpu/trap_counters.hpp"

namespace hv {

void describe_machine(abi::control::GetHostInfo& info) {
    using namespace abi::control;
    const x86::CpuModel& model = x86::cpu_model();
    info.features = kHostPv;
    if (time::tsc_stable()) info.features |= kHostTscStable;
    if (x86::hv_cr4() & x86::kCr4Smep) info.features |= kHostSmep;
    if (x86::hv_cr4() & x86::kCr4Smap) info.features |= kHostSmap;
    if (x86::hv_cr4() & x86::kCr4Umip) info.features |= kHostUmip;
    info.cpus_online = static_cast<std::uint32_t>(online_cpus().count());
    info.cpus_present = x86::present_cpus();
    info.threads_per_core = model.threads_per_core;
    info.cores_per_socket = model.cores_per_socket;
    std::uint32_t sockets = 0;
    for (CpuId cpu : ids<CpuId>(x86::present_cpus())) {
        const std::uint32_t socket = x86::cpu_data(cpu).apic_id >> model.socket_shift;
        if (socket + 1 > sockets) sockets = socket + 1;
    }
    info.sockets = sockets;
    info.nodes = 1;
    for (std::size_t i = 0; i + 1 < sizeof info.cpu_vendor && i < model.vendor_text.size(); ++i)
        info.cpu_vendor[i] = model.vendor_text[i];
    for (std::size_t i = 0; i + 1 < sizeof info.cpu_model && i < model.brand.size(); ++i)
        info.cpu_model[i] = model.brand[i];
    info.microcode = x86::microcode_revision(CpuId{0});
}

std::string_view leak_text(abi::control::Text which) {
    const x86::LeakTexts& texts = x86::leak_texts();
    switch (which) {
        case abi::control::Text::Leaks: return texts.leaks.text();
        case abi::control::Text::Mitigations: return texts.at_work.text();
        case abi::control::Text::OpenLeaks: return texts.open.text();
        default: return {};
    }
}

bool describe_cpu(CpuId cpu, abi::control::CpuInfo& info) {
    if (cpu.raw >= x86::present_cpus()) return false;
    cpu = index_nospec(cpu, x86::present_cpus());
    const x86::CpuModel& model = x86::cpu_model();
    info.cpu = cpu.raw;
    info.apic_id = x86::cpu_data(cpu).apic_id;
    info.online = online_cpus().test(cpu) ? 1 : 0;
    info.socket = info.apic_id >> model.socket_shift;
    info.core = (info.apic_id >> model.smt_shift) & ((1u << (model.socket_shift - model.smt_shift)) - 1);
    info.node = 0;
    info.idle_time_ns = static_cast<std::uint64_t>(vcpu_run_time(idle_vcpu(cpu)));
    return true;
}

bool machine_counter(std::uint32_t index, const char*& name, std::uint64_t& value) {
    return x86::trap_counter(index, name, value);
}

bool masked_time(std::uint32_t index, const char*& name, std::uint64_t& nanoseconds) {
    return x86::masked_time_counter(index, name, nanoseconds);
}

}  // namespace hv
