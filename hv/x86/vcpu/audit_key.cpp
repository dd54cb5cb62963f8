#include "hv/x86/vcpu/audit_key.hpp"

#if defined(HV_AUDIT) || !defined(NDEBUG)

#include <bit>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/domain/audit.hpp"
#include "hv/machine/console.hpp"
#include "hv/memory/heap.hpp"
#include "hv/x86/smp/standstill.hpp"

namespace hv::x86 {
namespace {

// Lines are kept until the machine goes on: a CPU that stands still may have the console's lock.
struct Findings {
    std::span<FrameAccount> accounts;
    std::uint64_t count = 0;
    std::size_t used = 0;
    char text[8192];
};
constinit Findings g_findings{};
constinit Spinlock g_lock{LockRank::DomainList};  // one audit at a time

void keep(void*, std::string_view line) {
    Findings& findings = g_findings;
    if (line.size() + 1 > sizeof findings.text - findings.used) return;
    for (const char character : line) findings.text[findings.used++] = character;
    findings.text[findings.used++] = '\n';
}

void run_audit(void*) {
    g_findings.used = 0;
    g_findings.count = audit_machine(g_findings.accounts, {.line = keep, .context = nullptr});
}

}  // namespace

void prepare_audits() {
    const std::size_t bytes = max_mfn() * sizeof(FrameAccount);
    void* memory = allocate_pages(static_cast<unsigned>(std::bit_width((bytes - 1) >> kPageShift)));
    if (!memory) return warn("no memory for audits");
    g_findings.accounts = {static_cast<FrameAccount*>(memory), max_mfn()};
    register_debug_key('F', "audit of all frames", [](char) { audit_and_log(); });
}

void audit_and_log() {
    if (g_findings.accounts.empty()) return;
    Guard guard{g_lock};
    at_standstill(run_audit, nullptr);
    std::string_view left{g_findings.text, g_findings.used};
    while (!left.empty()) {
        const std::size_t end = left.find('\n');
        log(LogLevel::Error, "audit: {}", left.substr(0, end));
        left.remove_prefix(end + 1);
    }
    log(g_findings.count ? LogLevel::Error : LogLevel::Info, "audit: {} discrepancies in {} frames", g_findings.count,
        g_findings.accounts.size());
}

}  // namespace hv::x86

#else

namespace hv::x86 {

void prepare_audits() {}
void audit_and_log() {}

}  // namespace hv::x86

#endif
