// multicall: hypercalls in a row, from a list in the guest's memory. A preempted one goes on where it stopped.
#include "hv/abi/xen/multicall.hpp"

#include <cstddef>
#include <cstring>

#include "hv/abi/xen/hypercall.hpp"
#include "hv/domain/domain.hpp"
#include "hv/hypercall/dispatch.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {

HypercallResult do_multicall(HypercallArguments& arguments) {
    using abi::xen::MulticallEntry;
    const GuestVirtual list{arguments.value[0]};
    const auto count = static_cast<std::uint32_t>(arguments.value[1]);
    const auto continue_at = [&](std::uint32_t index) {
        arguments.value[0] = list.raw + index * sizeof(MulticallEntry);
        arguments.value[1] = count - index;
        return fail(Error::Restart);
    };
    for (std::uint32_t index = 0; index < count; ++index) {
        if (index != 0 && preemption_needed()) return continue_at(index);
        const GuestVirtual at = list + index * sizeof(MulticallEntry);
        const auto entry = TRY(fetch<MulticallEntry>(at));
        HypercallArguments call;
        std::memcpy(call.value, entry.args, sizeof call.value);
        const auto number = static_cast<std::uint32_t>(entry.op);
        // It returns to what the guest's kernel had interrupted. That may be user mode, which must not make the calls
        // that come after this one: it ends the list.
        if (number == static_cast<std::uint32_t>(abi::xen::HypercallId::Iret)) return dispatch_hypercall(number, call);
        HypercallResult result = fail(Error::BadArgument);
        // A multicall in a multicall would recurse.
        if (number != static_cast<std::uint32_t>(abi::xen::HypercallId::Multicall))
            result = dispatch_hypercall(number, call);
        if (!result && result.error() == Error::Restart) {
            // What is left to do is noted in the entry itself.
            TRY(copy_to_guest(at + offsetof(MulticallEntry, args), call.value, sizeof call.value));
            return continue_at(index);
        }
        TRY(store(at + offsetof(MulticallEntry, result), static_cast<std::uint64_t>(to_guest(result))));
        if (current_domain().shut_down.load(std::memory_order_relaxed)) return 0;
    }
    return 0;
}

}  // namespace hv
