#include "hv/base/console.hpp"

#include <algorithm>
#include <span>

#include "hv/control/operation.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {

Result<> read_console(control::ReadConsole& request) {
    if (request.flags & ~control::kConsoleClear) return fail(Error::BadArgument);
    request.length = 0;
    GuestVirtual to{request.buffer};
    std::uint64_t position = request.position;
    bool first = true;
    while (request.length < request.capacity) {
        char piece[256];
        const std::uint32_t room = request.capacity - request.length;
        const LogRead read = read_log(position, std::span{piece}.first(room < sizeof piece ? room : sizeof piece));
        if (first) request.position = read.position;
        first = false;
        position = read.next;
        if (read.length == 0) break;
        TRY_VOID(copy_to_guest(to + request.length, piece, read.length));
        request.length += static_cast<std::uint32_t>(read.length);
    }
    request.next = position;
    if (request.flags & control::kConsoleClear) clear_log();
    return {};
}

Result<> send_debug_keys(control::SendDebugKeys& request) {
    char keys[64];
    if (request.count > sizeof keys || request.reserved != 0) return fail(Error::BadArgument);
    TRY_VOID(copy_from_guest(keys, GuestVirtual{request.keys}, request.count));
    const std::span<const char> wanted{keys, request.count};
    if (!std::ranges::all_of(wanted, is_debug_key)) return fail(Error::NoEntry);
    for (const char key : wanted) run_debug_key(key);
    return {};
}

}  // namespace hv
