// Port I/O. A guest's kernel that raised its I/O privilege level (PHYSDEVOP_set_iopl) may execute it, and so may
// programs to which the kernel opened the port; only Dom0's reaches the machine. To other domains every port is empty,
// as on a board without the device: kernels probe some without asking.
#include "hv/domain/domain.hpp"
#include "hv/hypercall/hypercall.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/devices/device_moves.hpp"
#include "hv/x86/devices/io_permissions.hpp"
#include "hv/x86/devices/pci_config.hpp"
#include "hv/x86/emulate/instruction.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/pv/traps/emulation.hpp"
#include "hv/x86/pv/traps/iopl.hpp"

namespace hv::x86 {
namespace {

std::uint32_t guest_port_read(std::uint16_t port, unsigned bytes) {
    if (!current_domain().privileged || !io_ports_allowed(port, bytes)) return ~0u;
    if (is_pci_port(port, bytes)) return guest_pci_read(port, bytes);
    return read_port(port, bytes);
}

// VGA's sequencer and graphics controller and the Bochs display's registers say what is seen at a0000.
bool moves_vga_memory(std::uint16_t port, unsigned bytes) {
    struct Range {
        std::uint16_t first, last;
    };
    constexpr Range kRanges[] = {{0x1ce, 0x1d0}, {0x3c4, 0x3c5}, {0x3ce, 0x3cf}};
    for (const Range range : kRanges)
        if (port <= range.last && port + bytes > range.first) return true;
    return false;
}

void guest_port_write(std::uint16_t port, unsigned bytes, std::uint32_t value) {
    if (!current_domain().privileged || !io_ports_allowed(port, bytes)) return;
    if (is_pci_port(port, bytes)) return guest_pci_write(port, bytes, value);
    if (moves_vga_memory(port, bytes)) return write_port_that_moves_devices(port, bytes, value);
    write_port(port, bytes, value);
}

// INS and OUTS; repeated ones are done in pieces that other work can come between.
bool string_io(Vcpu& vcpu, TrapFrame& frame, const Instruction& in, unsigned bytes) {
    const bool input = in.opcode < 0x6e;
    const auto port = static_cast<std::uint16_t>(frame.rdx);
    const std::uint64_t step = (frame.rflags & kRflagsDf) ? 0 - std::uint64_t{bytes} : bytes;
    while (!in.rep || frame.rcx != 0) {
        std::uint32_t value = 0;
        if (input) {
            value = guest_port_read(port, bytes);
            if (!copy_to_guest(GuestVirtual{frame.rdi}, &value, bytes)) {
                deliver_page_fault(vcpu, frame, frame.rdi, 2);
                return true;
            }
            frame.rdi += step;
        } else {
            if (!copy_from_guest(&value, GuestVirtual{frame.rsi}, bytes)) {
                deliver_page_fault(vcpu, frame, frame.rsi, 0);
                return true;
            }
            guest_port_write(port, bytes, value);
            frame.rsi += step;
        }
        if (!in.rep) break;
        if (--frame.rcx != 0 && preemption_needed()) return true;  // executed again
    }
    frame.rip += in.length;
    return true;
}

}  // namespace

bool emulate_port_io(Vcpu& vcpu, TrapFrame& frame, const Instruction& in) {
    const bool one_byte = !(in.opcode & 1);
    const unsigned bytes = one_byte ? 1 : in.operand16 ? 2 : 4;
    const bool immediate = in.opcode >= 0xe4 && in.opcode <= 0xe7;
    const auto port = static_cast<std::uint16_t>(immediate ? in.immediate & 0xff : frame.rdx);
    if (!ports_allowed(vcpu, port, bytes)) return false;
    if (in.opcode < 0x70) return string_io(vcpu, frame, in, bytes);
    if (in.opcode & 2) {
        guest_port_write(port, bytes, static_cast<std::uint32_t>(frame.rax));
    } else {
        const std::uint32_t value = guest_port_read(port, bytes);
        if (bytes == 4)
            frame.rax = value;
        else if (bytes == 2)
            frame.rax = (frame.rax & ~std::uint64_t{0xffff}) | (value & 0xffff);
        else
            frame.rax = (frame.rax & ~std::uint64_t{0xff}) | (value & 0xff);
    }
    frame.rip += in.length;
    return true;
}

}  // namespace hv::x86
