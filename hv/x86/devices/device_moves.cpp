#include "hv/x86/devices/device_moves.hpp"

#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/smp/standstill.hpp"

namespace hv::x86 {
namespace {

struct PortWrite {
    std::uint16_t port;
    unsigned bytes;
    std::uint32_t value;
};

void carry_out(void* argument) {
    const auto& write = *static_cast<const PortWrite*>(argument);
    write_port(write.port, write.bytes, write.value);
}

}  // namespace

void write_port_that_moves_devices(std::uint16_t port, unsigned bytes, std::uint32_t value) {
    PortWrite write{port, bytes, value};
    if (emulated_by_tcg()) return at_standstill(carry_out, &write);
    carry_out(&write);
}

}  // namespace hv::x86
