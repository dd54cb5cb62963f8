// Machine checks as Dom0 sees them: which CPUs there are, and that no error waits. hv handles all of them itself.
#include "hv/abi/xen/machine_check.hpp"

#include "hv/domain/domain.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/devices/machine_hypercalls.hpp"

namespace hv::x86 {
namespace {

using namespace abi::xen;

MachineCheckCpu describe(CpuId id) {
    const CpuModel& model = cpu_model();
    const std::uint32_t apic_id = cpu_data(id).apic_id;
    MachineCheckCpu cpu{};
    cpu.cpu = id.raw;
    cpu.socket = apic_id >> model.socket_shift;
    cpu.core =
        static_cast<std::uint16_t>((apic_id >> model.smt_shift) & ((1u << (model.socket_shift - model.smt_shift)) - 1));
    cpu.thread = static_cast<std::uint16_t>(apic_id & ((1u << model.smt_shift) - 1));
    cpu.apic_id = apic_id;
    cpu.cores = cpu.active_cores = model.cores_per_socket;
    cpu.threads = model.threads_per_core;
    cpu.cpuid_level = static_cast<std::int32_t>(model.max_leaf);
    cpu.family = model.family;
    cpu.model = model.model;
    cpu.stepping = model.stepping;
    for (std::size_t i = 0; i < model.vendor_text.size(); ++i) cpu.vendor_text[i] = model.vendor_text[i];
    for (std::size_t i = 0; i < model.brand.size(); ++i) cpu.brand[i] = model.brand[i];
    if (cpu_has(Feature::Mca)) {
        cpu.msr_count = 1;
        cpu.msrs[0] = {static_cast<std::uint32_t>(Msr::McgCap), read_msr(Msr::McgCap)};
    }
    return cpu;
}

Result<> list_cpus(MachineCheckCpus& request) {
    std::uint32_t listed = 0;
    for (CpuId id : ids<CpuId>(present_cpus())) {
        if (!online_cpus().test(id)) continue;
        if (request.info != 0) {
            if (listed == request.count) break;
            TRY(store_at(GuestVirtual{request.info}, listed, describe(id)));
        }
        ++listed;
    }
    request.count = listed;
    return {};
}

}  // namespace

HypercallResult do_machine_check_op(HypercallArguments& arguments) {
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    const GuestVirtual where{arguments.value[0]};
    auto op = TRY(fetch<MachineCheckOp>(where));
    if (op.interface_version != kMachineCheckInterfaceVersion) return fail(Error::Access);
    switch (static_cast<MachineCheckCommand>(op.command)) {
        case MachineCheckCommand::Fetch: op.u.fetch.flags = kMachineCheckNoData; break;
        case MachineCheckCommand::PhysicalCpuInfo: TRY(list_cpus(op.u.cpus)); break;
        default: return fail(Error::NotImplemented);
    }
    TRY(store(where, op));
    return 0;
}

}  // namespace hv::x86
