// What building a domain needs from the processor.
#pragma once

namespace hv {

// Fills a page with the stubs through which a guest's kernel enters hv (abi/xen/hypercall.hpp).
void write_hypercall_page(void* page);

}  // namespace hv
