// Debug keys that show domains and what belongs to them.
#pragma once

namespace hv::x86 {

void register_domain_debug_keys();

}  // namespace hv::x86
