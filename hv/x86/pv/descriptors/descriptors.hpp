// Segment descriptors of PV guests: only flat-ring-3-safe ones may ever be in a GDT or LDT.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/memory/frame.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// Checks one descriptor and returns it as it may be used (privilege raised to 3). BadArgument for gates other than
// null, system segments, and code or data that could be used to leave ring 3.
Result<std::uint64_t> check_descriptor(std::uint64_t descriptor);
Result<> validate_descriptor_page(FrameInfo& info);

// Replaces the vCPU's GDT. `frames` are mfns of its domain. Error::Restart: nothing was changed yet, ask again.
Result<> set_gdt(Vcpu& vcpu, const std::uint64_t* frames, unsigned frame_count, std::uint32_t entries);
void release_gdt(Vcpu& vcpu);
Result<> set_ldt(Vcpu& vcpu, GuestVirtual base, std::uint32_t entries);
void release_ldt(Vcpu& vcpu);

// This CPU's descriptor windows show the vCPU's tables.
void load_descriptor_tables(Vcpu& vcpu);
// The guest touched page `page` of its LDT for the first time. BadArgument: it is not there; the guest gets the
// fault. Busy and Restart: as of get_frame_type.
Result<> map_ldt_page(Vcpu& vcpu, unsigned page, Preemption preemption);

// Virtual addresses of a CPU's windows.
std::uint64_t gdt_window(CpuId cpu);
std::uint64_t ldt_window(CpuId cpu);
// Bring-up, on each CPU before it runs guests: maps the windows' page tables, and hv's own GDT page into place.
Result<> create_descriptor_windows(CpuId cpu, Mfn gdt_page);

}  // namespace hv::x86
