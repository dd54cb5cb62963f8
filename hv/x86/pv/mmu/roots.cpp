#include "hv/x86/pv/mmu/roots.hpp"

#include <atomic>

#include "hv/domain/domain.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/x86/pv/mmu/tlb.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

constinit std::atomic<std::uint64_t> last_version{0};

}  // namespace

std::uint64_t new_roots_version() {
    return last_version.fetch_add(1, std::memory_order_acq_rel) + 1;
}

void root_made(Domain& domain) {
    // Before any look at which CPUs run the domain: a CPU that joins them says so first and reads the version then.
    pv(domain).roots_version.store(new_roots_version(), std::memory_order_seq_cst);
}

void root_changed(Domain& domain) {
    if (!pv(domain).isolated) return;
    root_made(domain);
    CpuSet others = cpus_of(domain);
    others.clear(current_cpu());
    if (!others.empty()) flush_cpus(others);
}

}  // namespace hv::x86
