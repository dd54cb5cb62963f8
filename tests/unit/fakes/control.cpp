// What the control hypercall wants of the machine: next to nothing.
#include <cstring>

#include "hv/base/console.hpp"
#include "hv/base/types.hpp"
#include "hv/control/domain_seams.hpp"
#include "hv/control/host_seams.hpp"

namespace hv {

void write_hypercall_page(void* page) { std::memset(page, 0xcc, kPageSize); }
void describe_machine(abi::control::GetHostInfo&) {}
bool describe_cpu(std::uint32_t, abi::control::CpuInfo&) { return false; }
bool machine_counter(std::uint32_t, const char*&, std::uint64_t&) { return false; }
bool masked_time(std::uint32_t, const char*&, std::uint64_t&) { return false; }

LogRead read_log(std::uint64_t, std::span<char>) { return {}; }
void clear_log() {}
void write_console(std::string_view) {}
bool console_take_input(char&) { return false; }
bool is_debug_key(char) { return false; }
void run_debug_key(char) {}

}  // namespace hv
