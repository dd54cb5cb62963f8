// What x86/ does for vCPUs and interrupts, whatever the domains' memory is: nothing, but remembered.
#include <mutex>
#include <set>

#include "hv/domain/runstate.hpp"
#include "hv/machine/interrupts.hpp"
#include "hv/machine/memory_map.hpp"
#include "hv/machine/power.hpp"
#include "hv/machine/vcpus.hpp"
#include "hv/memory/guest_access.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace fake {
namespace {

std::mutex g_lock;
std::set<std::uint32_t> g_pirqs;
bool g_fail_pirq = false;

}  // namespace

void fail_pirq(bool fail) {
    g_fail_pirq = fail;
}
bool pirq_bound(std::uint32_t pirq) {
    return g_pirqs.contains(pirq);
}

}  // namespace fake

namespace hv {

using namespace fake;

Result<> register_time_area(Vcpu&, GuestVirtual area) {
    return clear_guest(area, 32);
}
void send_nmi(Vcpu&) {}
bool nmi_pending(const Vcpu&) {
    return false;
}
void leave_address_spaces(Domain&) {}
std::uint64_t physical_id(CpuId cpu) {
    return cpu.raw;
}
void privileged_domain_stopped(std::uint32_t) {}

bool machine_memory_map(std::uint32_t, abi::xen::E820Entry&) {
    return false;
}
abi::xen::MachphysMapping machphys_mapping() {
    return {};
}
bool machphys_frame(std::uint32_t, std::uint64_t&) {
    return false;
}

Result<> pirq_guest_bind(Vcpu&, std::uint32_t pirq, bool) {
    const std::lock_guard guard{g_lock};
    if (g_fail_pirq) return fail(Error::Busy);
    g_pirqs.insert(pirq);
    return {};
}

void pirq_guest_unbind(Domain&, std::uint32_t pirq) {
    const std::lock_guard guard{g_lock};
    g_pirqs.erase(pirq);
}

void pirq_guest_move(Vcpu&, std::uint32_t) {}

}  // namespace hv
