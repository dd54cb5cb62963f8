// The control interface's part about consoles: hv's own log for Dom0 to read, and debug keys from Dom0.
#include "hv/machine/console.hpp"

#include <algorithm>
#include <span>

#include "hv/control/operation.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {

// Progress: 1 once the structure says how far it is.
Result<> op_read_console(control::ReadConsole& request, std::uint64_t& progress) {
    if (request.flags & ~control::kConsoleClear) return fail(Error::BadArgument);
    const bool resumed = progress != 0;
    if (!resumed) request.length = 0;
    GuestVirtual to{request.buffer};
    std::uint64_t position = resumed ? request.next : request.position;
    for (bool first = true; request.length < request.capacity; first = false) {
        if (!first && preemption_needed()) {
            progress = 1;
            request.next = position;
            return fail(Error::Restart);
        }
        char piece[256];
        const std::uint32_t room = request.capacity - request.length;
        const LogRead read = read_log(position, std::span{piece}.first(room < sizeof piece ? room : sizeof piece));
        if (first && !resumed) request.position = read.position;
        position = read.next;
        if (read.length == 0) break;
        TRY(copy_to_guest(to + request.length, piece, read.length));
        request.length += static_cast<std::uint32_t>(read.length);
    }
    request.next = position;
    if (request.flags & control::kConsoleClear) clear_log();
    return {};
}

Result<> op_send_debug_keys(control::SendDebugKeys& request) {
    char keys[64];
    if (request.count > sizeof keys || request.reserved != 0) return fail(Error::BadArgument);
    TRY(copy_from_guest(keys, GuestVirtual{request.keys}, request.count));
    const std::span<const char> wanted{keys, request.count};
    if (!std::ranges::all_of(wanted, is_debug_key)) return fail(Error::NoEntry);
    for (const char key : wanted) run_debug_key(key);
    return {};
}

}  // namespace hv
