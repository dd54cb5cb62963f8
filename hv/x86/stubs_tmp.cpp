#include "hv/base/cpu.hpp"
#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/time/clock.hpp"
#include "hv/x86/apic/interrupts.hpp"
#include "hv/x86/panic/reboot.hpp"
#include "hv/x86/smp/ipi.hpp"
#include "hv/x86/cpu/registers.hpp"
namespace hv { void spin_pause() { asm volatile("pause"); } void lock_taken(LockRank, const void*) {} void lock_released(LockRank, const void*) {} 
namespace time { Nanoseconds now() { return static_cast<Nanoseconds>(x86::read_tsc()/2); } }
namespace x86 { void handle_interrupt(std::uint8_t){} Result<> connect_isa_interrupt(unsigned, InterruptHandler, void*) { return fail(Error::NoDevice);}
void machine_reboot(){ for(;;) asm volatile("cli;hlt");} void machine_halt(){ for(;;) asm volatile("cli;hlt");} void send_nmi_to_others(){} } }
