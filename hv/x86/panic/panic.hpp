// The end of the ladder. panic() of hv/base/log.hpp ends here too.
#pragma once

#include <cstdint>
#include <string_view>

#include "hv/base/format.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

[[noreturn]] void panic_trap(const TrapFrame& frame);                           // an exception that hv cannot explain
[[noreturn]] void panic_here(std::string_view reason, const TrapFrame& frame);  // what was interrupted is to blame
// What only an administrator can mend: says it and stays, since after a reboot it would be no different.
[[noreturn]] void give_up_text(std::string_view reason);
template <class... Arguments>
[[noreturn]] void give_up(std::string_view pattern, const Arguments&... arguments) {
    char line[256];
    give_up_text(format_into(line, pattern, arguments...));
}
bool panic_started();
[[noreturn]] void stop_in_panic(const TrapFrame& frame);  // the other CPUs, on the NMI of the one that panics

struct Symbol {
    const char* name;
    std::uint64_t offset;
};
// Function of hv around `address`; name is null when there is none.
Symbol find_symbol(std::uint64_t address);

// Logs return addresses from the frame pointer `rbp` upwards, as long as they lie on this CPU's stacks.
void print_backtrace(std::uint64_t rip, std::uint64_t rbp);
void print_registers(const TrapFrame& frame);

}  // namespace hv::x86
