// The words of spec-ctrl=.
#pragma once

#include "hv/x86/leaks/options.hpp"

namespace hv::x86 {

// One word of the list, such as "no", "rsb=no-hvm", "bti-thunk=jmp". What is wrong with it; empty when it has been
// applied.
std::string_view apply_spec_ctrl_word(LeakOptions& options, std::string_view text);

}  // namespace hv::x86
