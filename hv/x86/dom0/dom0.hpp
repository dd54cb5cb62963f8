// Building Dom0 from the boot modules.
#pragma once

namespace hv::x86 {

// Module 0 is its kernel, with its command line as the module's text; module 1 its initrd. Panics with a reason that
// helps when there is no Dom0 to be made of them. The modules' memory is free afterwards. Dom0 is ready to run.
void build_dom0();

}  // namespace hv::x86
