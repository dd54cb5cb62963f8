// A plugin for QEMU's interpreter that counts every instruction that is executed between two marks, by the block of
// code that it is in. The counts are exact, and no load on the host changes them.
//
//   -plugin libprofile_counter.so,out=PREFIX,begin=ADDRESS,end=ADDRESS
//
// Counting starts over when the code at `begin` is executed; at `end` a file PREFIX.0, PREFIX.1, ... gets a line for
// each block: address (hexadecimal), instructions in it, times executed.
//
// QEMU's plugin interface (docs/devel/tcg-plugins.rst) is declared here as far as it is used, since Debian has no
// header.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>

extern "C" {
struct qemu_info_t;
struct qemu_plugin_tb;
using qemu_plugin_id_t = std::uint64_t;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_cb(qemu_plugin_tb*, void (*)(unsigned, void*), int flags, void*);
void qemu_plugin_register_vcpu_tb_exec_inline(qemu_plugin_tb*, int operation, void*, std::uint64_t);
std::uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb*);
std::size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb*);
[[gnu::visibility("default")]] extern int qemu_plugin_version;
int qemu_plugin_version = 1;
}

namespace {

constexpr int kReadsNoRegisters = 0, kAdd = 0;

std::mutex g_lock;
std::map<std::pair<std::uint64_t, std::size_t>, std::uint64_t>
    g_executed;  // by address and length; QEMU adds by itself
std::string g_prefix;
std::uint64_t g_begin = 0, g_end = 0;
unsigned g_files = 0;

void begin(unsigned, void*) {
    const std::lock_guard lock{g_lock};
    for (auto& [block, times] : g_executed) times = 0;
}

void end(unsigned, void*) {
    const std::lock_guard lock{g_lock};
    std::FILE* file = std::fopen((g_prefix + "." + std::to_string(g_files++)).c_str(), "w");
    if (!file) std::abort();
    for (const auto& [block, times] : g_executed)
        if (times != 0) std::fprintf(file, "%" PRIx64 " %zu %" PRIu64 "\n", block.first, block.second, times);
    std::fclose(file);
}

void translated(qemu_plugin_id_t, qemu_plugin_tb* block) {
    const std::uint64_t address = qemu_plugin_tb_vaddr(block);
    if (address == g_begin) qemu_plugin_register_vcpu_tb_exec_cb(block, begin, kReadsNoRegisters, nullptr);
    if (address == g_end) qemu_plugin_register_vcpu_tb_exec_cb(block, end, kReadsNoRegisters, nullptr);
    const std::lock_guard lock{g_lock};
    std::uint64_t& times = g_executed[{address, qemu_plugin_tb_n_insns(block)}];
    qemu_plugin_register_vcpu_tb_exec_inline(block, kAdd, &times, 1);
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t*, int count,
                                                                  char** words) {
    for (int i = 0; i < count; ++i) {
        if (std::strncmp(words[i], "out=", 4) == 0) g_prefix = words[i] + 4;
        if (std::strncmp(words[i], "begin=", 6) == 0) g_begin = std::strtoull(words[i] + 6, nullptr, 0);
        if (std::strncmp(words[i], "end=", 4) == 0) g_end = std::strtoull(words[i] + 4, nullptr, 0);
    }
    if (g_prefix.empty() || g_begin == 0 || g_end == 0) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
