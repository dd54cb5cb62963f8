// hv's console as the layers above the machine see it. All of it may be called on any CPU with any lock held that ranks
// below LockRank::Console, unless said otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hv {

// The log ring: everything that was logged, at any level. Positions count bytes since boot. hv's own lines and those
// about guests each displace their own kind only.
struct LogRead {
    std::uint64_t position;  // of the first byte delivered
    std::uint64_t next;      // past the last byte delivered
    std::size_t length;
};
// Copies the oldest bytes at or after `position` that the ring still has.
LogRead read_log(std::uint64_t position, std::span<char> out);
// From now on read_log() calls with position 0 begin here.
void clear_log();

// Raw output of a guest that owns the console (Dom0): to the devices, not into the ring. False: they
// cannot take it now, and nothing was written.
bool write_console(std::string_view text);

// While it is wanted, lines wait for devices that have no room, with interrupts off, and none is lost: for debug keys.
void console_loses_nothing(bool wanted);

// Counter `index` of what happened to output, since boot; false past the end.
bool console_counter(std::uint32_t index, const char*& name, std::uint64_t& value);

// Input. Ctrl-A three times switches the keyboard between Dom0 (where it starts) and hv's debug keys.
bool console_take_input(char& character);             // next character for Dom0
void set_console_input_callback(void (*callback)());  // called, in interrupt context, when characters for Dom0 arrived

// Debug keys. `handler` runs in interrupt context or in a control hypercall. 'h' lists them. A second registration of a
// key is a bug and panics.
void register_debug_key(char key, const char* help, void (*handler)(char key));
bool is_debug_key(char key);
void run_debug_key(char key);

}  // namespace hv
