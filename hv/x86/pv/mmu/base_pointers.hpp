// Which page tables a vCPU runs on.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// Replaces the table of the current vCPU. Error::Restart: nothing was changed yet, ask again.
Result<> set_kernel_table(Vcpu& vcpu, Mfn l4);
Result<> set_user_table(Vcpu& vcpu, Mfn l4);  // frame 0: none
// Gives both up; Error::Restart until all is given back. The vCPU does not run and never will.
Result<> drop_tables(Vcpu& vcpu);
// The table for the mode that the vCPU is in.
std::uint64_t cr3_of(const Vcpu& vcpu);
void load_page_table(const Vcpu& vcpu);

}  // namespace hv::x86
