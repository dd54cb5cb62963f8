#include "hv/x86/pv/traps/iopl.hpp"

#include "hv/memory/guest_access.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/bounce.hpp"

namespace hv::x86 {
namespace {

bool bitmap_allows(Vcpu& vcpu, std::uint16_t port, unsigned bytes) {
    const PvVcpu& arch = pv(vcpu);
    if (port + bytes > arch.io_bitmap_ports) return false;
    const unsigned first = port % 8;
    std::uint8_t bits[2] = {};
    // The bitmap is the kernel's, and user mode need not have it mapped.
    const bool user = !arch.kernel_mode;
    if (user) switch_mode(vcpu);
    const bool read = copy_from_guest(bits, arch.io_bitmap + port / 8, first + bytes > 8 ? 2 : 1).has_value();
    if (user) switch_mode(vcpu);
    const unsigned wanted = ((1u << bytes) - 1) << first;
    return read && !((bits[0] | bits[1] << 8) & wanted);
}

}  // namespace

void set_iopl(Vcpu& vcpu, std::uint32_t iopl) {
    PvVcpu& arch = pv(vcpu);
    arch.iopl = iopl;
    arch.shown_iopl = has_architectural_iopl(vcpu.domain) ? iopl << kRflagsIoplShift : 0;
}

Result<> PvGuest::set_io_privilege(Vcpu& vcpu, std::uint32_t level) const {
    set_iopl(vcpu, level);
    return {};
}

Result<> PvGuest::set_io_bitmap(Vcpu& vcpu, GuestVirtual bitmap, std::uint32_t ports) const {
    if (!guest_range_allowed(bitmap, (ports + 7) / 8)) return fail(Error::BadArgument);
    PvVcpu& arch = pv(vcpu);
    arch.io_bitmap = bitmap;
    arch.io_bitmap_ports = ports;
    return {};
}

bool iopl_allows_io(const Vcpu& vcpu) {
    const PvVcpu& arch = pv(vcpu);
    const unsigned ring = !arch.kernel_mode ? 3 : has_architectural_iopl(vcpu.domain) ? 0 : 1;
    return arch.iopl >= ring;
}

bool ports_allowed(Vcpu& vcpu, std::uint16_t port, unsigned bytes) {
    return iopl_allows_io(vcpu) || bitmap_allows(vcpu, port, bytes);
}

}  // namespace hv::x86
