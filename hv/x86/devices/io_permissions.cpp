#include "hv/x86/devices/io_permissions.hpp"

#include <array>

#include "hv/base/bitmap.hpp"
#include "hv/base/log.hpp"

namespace hv::x86 {
namespace {

constinit std::array<Mfn, 64> g_frames{};
constinit std::size_t g_frame_count = 0;
constinit Bitmap<65536> g_ports{};

}  // namespace

void reserve_io_frame(Mfn frame) {
    HV_ASSERT(g_frame_count < g_frames.size());
    g_frames[g_frame_count++] = frame;
}

void reserve_io_ports(std::uint16_t first, std::uint16_t count) {
    for (unsigned port = first; port < unsigned{first} + count; ++port) g_ports.set(port);
}

bool io_ports_allowed(std::uint16_t port, unsigned bytes) {
    if (unsigned{port} + bytes > 65536) return false;
    for (unsigned i = 0; i < bytes; ++i)
        if (g_ports.test(port + i)) return false;
    return true;
}

bool io_frame_writable(Mfn frame) {
    for (std::size_t i = 0; i < g_frame_count; ++i)
        if (g_frames[i] == frame) return false;
    return true;
}

}  // namespace hv::x86
