// console_io: a guest writes to hv's console, and Dom0 reads what was typed there.
#include "hv/abi/xen/console.hpp"

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/guest_log.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/machine/console.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {
namespace {

using abi::xen::ConsoleCommand;

constexpr std::size_t kPiece = 128;

HypercallResult write(HypercallArguments& arguments) {
    auto count = static_cast<std::uint32_t>(arguments.value[1]);
    GuestVirtual from{arguments.value[2]};
    const bool privileged = current_domain().privileged;
    for (bool first = true; count > 0; first = false) {
        if (!first && preemption_needed()) {
            arguments.value[1] = count;
            arguments.value[2] = from.raw;
            return fail(Error::Restart);
        }
        char piece[kPiece];
        const std::uint32_t length = count < kPiece ? count : kPiece;
        TRY(copy_from_guest(piece, from, length));
        if (privileged) {
            // A slow serial line is waited for by its guest, which can be preempted.
            if (!write_console({piece, length})) {
                arguments.value[1] = count;
                arguments.value[2] = from.raw;
                return fail(Error::Restart);
            }
        } else {
            guest_log_append(current_domain(), {piece, length});
        }
        count -= length;
        from = from + length;
    }
    return 0;
}

HypercallResult read(HypercallArguments& arguments) {
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    const auto capacity = static_cast<std::uint32_t>(arguments.value[1]);
    const GuestVirtual to{arguments.value[2]};
    std::uint32_t count = 0;
    char character;
    while (count < capacity && count < kPiece && console_take_input(character)) {
        TRY(store(to + count, character));
        ++count;
    }
    return count;
}

}  // namespace

HypercallResult do_console_io(HypercallArguments& arguments) {
    switch (static_cast<ConsoleCommand>(arguments.value[0])) {
        case ConsoleCommand::Write: return write(arguments);
        case ConsoleCommand::Read: return read(arguments);
    }
    return fail(Error::NotImplemented);
}

}  // namespace hv
