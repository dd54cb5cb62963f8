// What the control hypercall wants of the machine: next to nothing.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "hv/base/types.hpp"
#include "hv/machine/console.hpp"
#include "hv/machine/description.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace fake {
namespace {

std::string g_log;
std::string g_console;
unsigned g_console_busy = 0;

}  // namespace

void set_log(std::string text) {
    g_log = std::move(text);
}
std::string take_console() {
    return std::exchange(g_console, {});
}
void keep_console_busy(unsigned times) {
    g_console_busy = times;
}

}  // namespace fake

namespace hv {

void describe_machine(abi::control::GetHostInfo&) {}
std::string_view leak_text(abi::control::Text) {
    return {};
}
bool describe_cpu(CpuId, abi::control::CpuInfo&) {
    return false;
}
bool machine_counter(std::uint32_t, const char*&, std::uint64_t&) {
    return false;
}
bool masked_time(std::uint32_t, const char*&, std::uint64_t&) {
    return false;
}

LogRead read_log(std::uint64_t position, std::span<char> out) {
    const std::string_view left =
        std::string_view{fake::g_log}.substr(std::min<std::size_t>(position, fake::g_log.size()));
    const std::size_t length = left.copy(out.data(), out.size());
    return {position, position + length, length};
}
void clear_log() {}
bool write_console(std::string_view text) {
    if (fake::g_console_busy != 0) {
        --fake::g_console_busy;
        return false;
    }
    fake::g_console += text;
    return true;
}
bool console_counter(std::uint32_t, const char*&, std::uint64_t&) {
    return false;
}
bool console_take_input(char&) {
    return false;
}
bool is_debug_key(char) {
    return false;
}
void run_debug_key(char) {}

}  // namespace hv
