// Weak stand-ins for what x86/pv and the core provide, so that the machine part boots alone.
#include "hv/base/log.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/x86/apic/interrupts.hpp"
#include "hv/x86/apic/local_apic.hpp"
#include "hv/x86/boot/core_seam.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/traps/guest_seam.hpp"

namespace hv::x86 {

[[gnu::weak]] void guest_trap(TrapFrame& frame) {
    panic("trap {} from ring 3, but there are no guests", frame.vector);
}
[[gnu::weak]] void guest_return_failed(TrapFrame& frame) {
    guest_trap(frame);
}
extern "C" [[gnu::weak]] void return_to_guest_work(TrapFrame&) {}
[[gnu::weak]] bool hv_page_fault(TrapFrame&, std::uint64_t) {
    return false;
}

[[gnu::weak]] void take_over_memory() {}
[[gnu::weak]] void idle_loop() {
    for (;;) asm volatile("sti; hlt; cli" : : : "memory");
}
[[gnu::weak]] void start_core() {
    warn("nothing to run: this image has no guest support");
    idle_loop();
}

}  // namespace hv::x86

namespace hv {
// Without a scheduler there is nothing to ask for.
[[gnu::weak]] std::uint32_t unanswered_reschedule(CpuId) {
    return 0;
}
[[gnu::weak]] void request_reschedule(CpuId) {}
// The timer's own vector: its handler may take locks, so it cannot be one of the requests that spin_pause() answers.
[[gnu::weak]] void request_timer_update(CpuId cpu) {
    x86::send_ipi(x86::cpu_data(cpu).apic_id, x86::kVectorTimer);
}
}  // namespace hv
