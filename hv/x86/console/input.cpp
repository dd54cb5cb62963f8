#include "hv/x86/console/input.hpp"

#include <array>
#include <atomic>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/machine/console.hpp"
#include "hv/x86/panic/reboot.hpp"

namespace hv::x86 {
namespace {

constexpr char kSwitch = 1;  // Ctrl-A
constexpr unsigned kSwitchPresses = 3;

constinit Spinlock input_lock{LockRank::Leaf};
constinit std::array<char, 512> waiting{};
constinit std::size_t first = 0, count = 0;
constinit unsigned switch_presses = 0;
constinit bool hv_listens = false;
constinit std::atomic<void (*)()> arrived{nullptr};

struct DebugKey {
    const char* help = nullptr;
    void (*handler)(char) = nullptr;
};

void list_keys(char);

void reboot_key(char) {
    info("reboot asked for on the console");
    machine_reboot();
}

constinit std::array<DebugKey, 128> keys = [] {
    std::array<DebugKey, 128> first{};
    first['h'] = {"list the debug keys", list_keys};
    first['R'] = {"reboot the machine at once", reboot_key};
    return first;
}();

void keep_for_dom0(char character) {
    {
        Guard guard{input_lock};
        if (count == waiting.size()) return;  // full, as no input is read: what was typed first stays
        waiting[(first + count++) % waiting.size()] = character;
    }
    if (auto* callback = arrived.load(std::memory_order_acquire)) callback();
}

void list_keys(char) {
    info("debug keys:");
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (keys[i].handler) info("  {}  {}", static_cast<char>(i), keys[i].help);
}

}  // namespace

void handle_typed_character(char character) {
    if (character == kSwitch) {
        if (++switch_presses == kSwitchPresses) {
            switch_presses = 0;
            hv_listens = !hv_listens;
            (void)write_console(
                hv_listens ? "\n(hv) keyboard goes to hv's debug keys ('h' lists them); Ctrl-A three times: back\n"
                           : "\n(hv) keyboard goes to Dom0; Ctrl-A three times: hv's debug keys\n");
        }
        return;
    }
    // Fewer presses than it takes were meant for Dom0.
    for (; switch_presses > 0; --switch_presses)
        if (!hv_listens) keep_for_dom0(kSwitch);
    if (hv_listens) {
        run_debug_key(character);
    } else {
        keep_for_dom0(character);
    }
}

}  // namespace hv::x86

namespace hv {

using namespace x86;

bool console_take_input(char& character) {
    Guard guard{input_lock};
    if (count == 0) return false;
    character = waiting[first];
    first = (first + 1) % waiting.size();
    --count;
    return true;
}

void set_console_input_callback(void (*callback)()) {
    arrived.store(callback, std::memory_order_release);
}

void register_debug_key(char key, const char* help, void (*handler)(char)) {
    const auto index = static_cast<unsigned char>(key);
    if (index >= keys.size() || keys[index].handler) panic("debug key '{}' is taken", key);
    keys[index] = {help, handler};
}

bool is_debug_key(char key) {
    const auto index = static_cast<unsigned char>(key);
    return index < keys.size() && keys[index].handler;
}

void run_debug_key(char key) {
    if (!is_debug_key(key)) return info("there is no such debug key; 'h' lists them");
    const DebugKey& entry = keys[static_cast<unsigned char>(key)];
    info("debug key '{}': {}", key, entry.help);
    console_loses_nothing(true);
    entry.handler(key);
    console_loses_nothing(false);
}

}  // namespace hv
