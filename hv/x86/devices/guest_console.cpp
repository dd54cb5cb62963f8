#include "hv/x86/devices/guest_console.hpp"

#include "hv/abi/xen/shared_info.hpp"
#include "hv/domain/domain.hpp"
#include "hv/machine/console.hpp"

namespace hv::x86 {

void connect_guest_console() {
    set_console_input_callback([] { notify_privileged_domain(static_cast<std::uint32_t>(abi::xen::Virq::Console)); });
}

}  // namespace hv::x86
