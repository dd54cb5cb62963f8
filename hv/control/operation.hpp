// How the operations of the control hypercall are written: each takes its structure by reference, already fetched, and
// what it leaves there goes back to the caller. hv/abi/control/control.hpp tells the rules about sizes.
#pragma once

#include "hv/abi/control/console.hpp"
#include "hv/abi/control/control.hpp"
#include "hv/abi/control/domain.hpp"
#include "hv/abi/control/host.hpp"
#include "hv/abi/control/memory.hpp"
#include "hv/abi/control/sched.hpp"
#include "hv/abi/control/vcpu.hpp"
#include "hv/base/result.hpp"

namespace hv {

namespace control = abi::control;

// Error::Restart: the operation is issued again; progress is in the structure (which is then written back), in hv, or
// in `progress`: 0 at first, and whatever was left there afterwards.
Result<> get_version(control::GetVersion& request);
Result<> get_host_info(control::GetHostInfo& request);
Result<> get_cpu_info(control::GetCpuInfo& request);
Result<> read_text(control::ReadText& request);
Result<> get_perf_counters(control::GetPerfCounters& request, std::uint64_t& progress);

Result<> read_console(control::ReadConsole& request, std::uint64_t& progress);
Result<> send_debug_keys(control::SendDebugKeys& request);

Result<> list_domains(control::ListDomains& request, std::uint64_t& progress);
Result<> get_domain(control::GetDomain& request);
Result<> create_domain(control::CreateDomain& request);
Result<> destroy_domain_op(control::DomainOnly& request);
Result<> pause_domain(control::DomainOnly& request);
Result<> unpause_domain(control::DomainOnly& request);
Result<> shutdown_domain(control::ShutdownDomain& request);
Result<> set_max_memory(control::SetFrames& request);
Result<> set_domain_claim(control::SetFrames& request);
Result<> init_hypercall_page(control::InitHypercallPage& request);
Result<> seed_grants(control::SeedGrants& request);

Result<> get_vcpu_context(control::VcpuContext& request);
Result<> set_vcpu_context(control::VcpuContext& request);
Result<> get_vcpu_info(control::GetVcpuInfo& request);
Result<> get_vcpu_affinity(control::VcpuAffinity& request);
Result<> set_vcpu_affinity(control::VcpuAffinity& request);

Result<> copy_memory(control::CopyMemory& request);
Result<> get_frame_types(control::GetFrameTypes& request);
Result<> get_frame_list(control::GetFrameList& request);

Result<> get_sched_parameters(control::SchedParameters& request);
Result<> set_sched_parameters(control::SchedParameters& request);

}  // namespace hv
