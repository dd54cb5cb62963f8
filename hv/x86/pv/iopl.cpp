#include "hv/x86/pv/iopl.hpp"

namespace hv::x86 {

void set_iopl(Vcpu& vcpu, std::uint32_t iopl) {
    constexpr unsigned kIoplShift = 12;
    vcpu.arch->iopl = iopl;
    vcpu.arch->shown_iopl = has_architectural_iopl(vcpu.domain) ? iopl << kIoplShift : 0;
}

bool iopl_allows_io(const Vcpu& vcpu) {
    const unsigned ring = !vcpu.arch->kernel_mode ? 3 : has_architectural_iopl(vcpu.domain) ? 0 : 1;
    return vcpu.arch->iopl >= ring;
}

}  // namespace hv::x86
