#include "hv/x86/vcpu/debug_registers.hpp"

#include "hv/base/nospec.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t kDr6Fixed = 0xffff0ff0, kDr6Settable = 0xe00f;
constexpr std::uint64_t kDr7Fixed = 0x400, kDr7Settable = 0xffff03ff;
constexpr std::uint64_t kDr7GeneralDetect = 1u << 13;
constexpr std::uint64_t kDr7Enables = 0xff;

void write_hardware(unsigned number, std::uint64_t value) {
    switch (number) {
        case 0: asm volatile("mov %0, %%dr0" : : "r"(value)); break;
        case 1: asm volatile("mov %0, %%dr1" : : "r"(value)); break;
        case 2: asm volatile("mov %0, %%dr2" : : "r"(value)); break;
        case 3: asm volatile("mov %0, %%dr3" : : "r"(value)); break;
        default: asm volatile("mov %0, %%dr7" : : "r"(value)); break;
    }
}

bool active(const ArchVcpu& arch) {
    return arch.debug[7] & kDr7Enables;
}

// DR4 and DR5 are other names of DR6 and DR7, unless the guest turned on the debugging extensions.
bool resolve_alias(const ArchVcpu& arch, unsigned& number) {
    if (number != 4 && number != 5) return number < 8;
    number += 2;
    return !(arch.cr4 & kCr4De);
}

// I/O breakpoints (type 2) would see no guest's port I/O, which is emulated.
bool has_io_breakpoint(std::uint64_t dr7) {
    for (unsigned i = 0; i < 4; ++i)
        if (((dr7 >> (16 + 4 * i)) & 3) == 2) return true;
    return false;
}

}  // namespace

bool read_guest_debug_register(const Vcpu& vcpu, unsigned number, std::uint64_t& value) {
    if (!resolve_alias(*vcpu.arch, number)) return false;
    value = vcpu.arch->debug[index_nospec(number, vcpu.arch->debug.size())];
    if (number == 6) value |= kDr6Fixed;
    if (number == 7) value |= kDr7Fixed;
    return true;
}

Result<> write_guest_debug_register(Vcpu& vcpu, unsigned number, std::uint64_t value) {
    ArchVcpu& arch = *vcpu.arch;
    const bool current = &vcpu == &current_vcpu();
    if (!resolve_alias(arch, number)) return fail(Error::BadArgument);
    if (number < 4) {
        if (value != 0 && !kind_of(vcpu.domain).address_allowed(GuestVirtual{value}, 8))
            return fail(Error::NotPermitted);
    } else if (value >> 32) {
        return fail(Error::NotPermitted);
    } else if (number == 6) {
        value = (value & kDr6Settable) | kDr6Fixed;
    } else {
        if ((value & kDr7GeneralDetect) || has_io_breakpoint(value)) return fail(Error::NotPermitted);
        value = (value & kDr7Settable) | kDr7Fixed;
        // Enabling loads the addresses, which were kept back until then.
        if (current && (value & kDr7Enables) && !active(arch))
            for (unsigned i = 0; i < 4; ++i) write_hardware(i, arch.debug[i]);
    }
    arch.debug[index_nospec(number, arch.debug.size())] = value;
    // DR6 stays at its fixed value but while #DB is being handled: what one guest wrote is not what another one finds.
    if (current && number != 6 && (number == 7 || active(arch))) write_hardware(number, value);
    return {};
}

std::uint64_t take_debug_status(Vcpu& vcpu) {
    constexpr std::uint64_t kHits = 0xf;
    std::uint64_t status;
    asm volatile("mov %%dr6, %0" : "=r"(status));
    asm volatile("mov %0, %%dr6" : : "r"(kDr6Fixed));
    status &= kDr6Settable;
    // The addresses of the vCPU that used breakpoints last are still in the registers: hits may be of those.
    if (!active(*vcpu.arch)) status &= ~kHits;
    vcpu.arch->debug[6] = (vcpu.arch->debug[6] & ~kHits) | status;
    return status;
}

void save_debug_registers(Vcpu& vcpu) {
    if (active(*vcpu.arch)) write_hardware(7, kDr7Fixed);
}

void load_debug_registers(const Vcpu& vcpu) {
    const ArchVcpu& arch = *vcpu.arch;
    if (!active(arch)) return;
    for (unsigned i = 0; i < 4; ++i) write_hardware(i, arch.debug[i]);
    write_hardware(7, arch.debug[7]);
}

}  // namespace hv::x86
