// How the operations of the control hypercall are written: op_* takes its structure by reference, already fetched, and
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
Result<> op_get_version(control::GetVersion& request);
Result<> op_get_host_info(control::GetHostInfo& request);
Result<> op_get_cpu_info(control::GetCpuInfo& request);
Result<> op_read_text(control::ReadText& request);
Result<> op_get_perf_counters(control::GetPerfCounters& request, std::uint64_t& progress);

Result<> op_read_console(control::ReadConsole& request, std::uint64_t& progress);
Result<> op_send_debug_keys(control::SendDebugKeys& request);

Result<> op_list_domains(control::ListDomains& request, std::uint64_t& progress);
Result<> op_get_domain(control::GetDomain& request);
Result<> op_create_domain(control::CreateDomain& request);
Result<> op_destroy_domain(control::DomainOnly& request);
Result<> op_pause_domain(control::DomainOnly& request);
Result<> op_unpause_domain(control::DomainOnly& request);
Result<> op_shutdown_domain(control::ShutdownDomain& request);
Result<> op_set_max_memory(control::SetFrames& request);
Result<> op_set_claim(control::SetFrames& request);
Result<> op_init_hypercall_page(control::InitHypercallPage& request);
Result<> op_seed_grants(control::SeedGrants& request);
Result<> op_set_uuid(control::SetUuid& request);

Result<> op_get_vcpu_context(control::VcpuContext& request);
Result<> op_set_vcpu_context(control::VcpuContext& request);
Result<> op_get_vcpu_info(control::GetVcpuInfo& request);
Result<> op_get_vcpu_affinity(control::VcpuAffinity& request);
Result<> op_set_vcpu_affinity(control::VcpuAffinity& request);
Result<> op_get_vcpu_state(control::GetVcpuState& request);

Result<> op_copy_memory(control::CopyMemory& request);
Result<> op_get_frame_types(control::GetFrameTypes& request);
Result<> op_get_frame_list(control::GetFrameList& request);

Result<> op_get_sched_parameters(control::SchedParameters& request);
Result<> op_set_sched_parameters(control::SchedParameters& request);

}  // namespace hv
