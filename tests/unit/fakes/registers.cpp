// What a vCPU's context and physical interrupts want of the machine, for tests that are about
// frames: values are taken and forgotten.
#include <cstdint>

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/apic/io_apic.hpp"
#include "hv/x86/devices/msi.hpp"
#include "hv/x86/devices/pirq.hpp"
#include "hv/x86/pv/hypercalls/guest_setup.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/traps/guest_cr4.hpp"
#include "hv/x86/pv/traps/iopl.hpp"
#include "hv/x86/vcpu/debug_registers.hpp"
#include "hv/x86/vcpu/fpu.hpp"

namespace hv::x86 {

Result<> set_gate(PvVcpu&, const abi::xen::TrapInfo&) {
    return {};
}
Result<> write_guest_debug_register(Vcpu&, unsigned, std::uint64_t) {
    return {};
}
bool guest_may_have_cr4(std::uint64_t) {
    return true;
}
std::uint64_t initial_guest_cr4(std::uint64_t wanted) {
    return wanted;
}
void set_iopl(Vcpu&, std::uint32_t) {}
void reset_fpu(Vcpu&, const std::uint8_t*) {}
const std::uint8_t* fpu_image(const Vcpu&) {
    static constexpr std::uint8_t kImage[512] = {};
    return kImage;
}
FpuImage fpu_state(const Vcpu& vcpu) {
    return {{fpu_image(vcpu), 512}, false};
}

// PV guests on a CPU: they do not run.
void PvGuest::prepare() const {}
void PvGuest::prepare_cpu(CpuId) const {}
void PvGuest::save(Vcpu&) const {}
void PvGuest::load(Vcpu&, TrapFrame&) const {}
void PvGuest::resume() const {
    panic("nothing runs here");
}
bool PvGuest::has_address_space(const Vcpu&) const {
    return false;
}
void PvGuest::enter_address_space(Vcpu&) const {}
void PvGuest::leave_address_space() const {}
Result<> PvGuest::copy_from(void* to, GuestVirtual from, std::size_t bytes) const {
    return copy_from_guest(to, from, bytes);
}
Result<> PvGuest::copy_to(GuestVirtual to, const void* from, std::size_t bytes) const {
    return copy_to_guest(to, from, bytes);
}
Result<> PvGuest::clear(GuestVirtual to, std::size_t bytes) const {
    return clear_guest(to, bytes);
}
void PvGuest::filter_cpuid(const Vcpu&, std::uint32_t, std::uint32_t, const CpuidLeaf&, CpuidLeaf&) const {}
std::optional<bool> PvGuest::read_msr(Vcpu&, std::uint32_t, std::uint64_t&) const {
    return false;
}
std::optional<bool> PvGuest::write_msr(Vcpu&, std::uint32_t, std::uint64_t) const {
    return false;
}
GuestFilter PvGuest::leak_filter() const {
    return kPvFilter;
}
Result<> PvGuest::set_io_privilege(Vcpu&, std::uint32_t) const {
    return {};
}
Result<> PvGuest::set_io_bitmap(Vcpu&, GuestVirtual, std::uint32_t) const {
    return {};
}

unsigned io_apic_count() {
    return 0;
}
IoApicInfo io_apic_info(unsigned) {
    return {};
}
std::uint32_t read_io_apic(unsigned, std::uint8_t) {
    return 0;
}
std::uint32_t msi_messages(PciAddress) {
    return 0;
}

Result<> set_up_gsi(std::uint32_t, bool, bool) {
    return {};
}
Result<std::uint32_t> map_gsi(std::uint32_t gsi, std::int32_t) {
    return gsi;
}
Result<std::uint32_t> map_msi(const abi::xen::PhysdevMapPirq&, std::uint32_t) {
    return fail(Error::NoSpace);
}
Result<> unmap_pirq(std::uint32_t) {
    return {};
}
Result<std::uint32_t> free_pirq() {
    return fail(Error::NoSpace);
}
Result<> end_pirq(std::uint32_t) {
    return {};
}
bool pirq_needs_end(std::uint32_t pirq) {
    return pirq % 3 == 0;
}
void restore_messages(std::uint16_t, std::uint8_t, std::uint8_t) {}

}  // namespace hv::x86
