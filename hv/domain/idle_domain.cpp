#include "hv/domain/idle_domain.hpp"

#include "hv/abi/xen/domain_id.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/machine/clock.hpp"

namespace hv {
namespace {

constinit Domain* g_idle = nullptr;

}  // namespace

Result<> create_idle_domain(std::uint32_t cpus) {
    abi::control::CreateDomain config{};
    config.max_vcpus = cpus;
    void* memory = heap_allocate(sizeof(Domain));
    if (!memory) return fail(Error::NoMemory);
    g_idle = new (memory) Domain{DomainId{abi::xen::kDomidIdle}, config, false};
    g_idle->vcpus.reset(new (std::nothrow) Vcpu* [cpus] {});
    if (!g_idle->vcpus) return fail(Error::NoMemory);
    for (CpuId cpu : ids<CpuId>(cpus)) {
        auto* vcpu = new (std::nothrow) Vcpu{*g_idle, VcpuId{cpu.raw}};
        if (!vcpu) return fail(Error::NoMemory);
        g_idle->vcpus[cpu.raw] = vcpu;
        vcpu->info = &g_idle->spare_vcpu_info;
        vcpu->cpu = cpu;
        runstate_init(*vcpu, time::now());
    }
    return {};
}

Vcpu& idle_vcpu(CpuId cpu) {
    return *g_idle->vcpus[cpu.raw];
}

bool is_idle(const Vcpu& vcpu) {
    return &vcpu.domain == g_idle;
}

}  // namespace hv
