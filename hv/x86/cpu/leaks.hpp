// This processor's leaks, and what hv does against them.
#pragma once

#include "hv/x86/leaks/guest_controls.hpp"
#include "hv/x86/leaks/mitigations.hpp"
#include "hv/x86/leaks/report.hpp"

namespace hv::x86 {

// Boot CPU, after identify_cpu(), once.
void decide_mitigations();
// The same at a standstill, when new microcode has changed what the processor says of itself; set_switches() then, and
// set_processor_switches() on each CPU. What guests are built on stays as it was.
void decide_mitigations_again();
// This CPU says something else of itself than when that was decided: what can only be asked once there is an IDT.
bool processor_says_otherwise();
const Mitigations& mitigations();
// What is wanted and this hv has.
Measures measures_at_work();
bool at_work(Measure measure);
// Some guests run on tables that have of hv only the way in (pv/mmu/isolation.hpp).
bool isolation_at_work();

// On another CPU than the boot CPU: it has all that the boot CPU has of what the measures rest on.
bool leaks_like_the_boot_cpu();

// What guests of a kind have against leaks, by what was decided last.
const GuestControls& guest_controls(const GuestFilter& of_kind);

// The same in words, for requests that come later.
const LeakTexts& leak_texts();

// After each decision: logs what the processor suffers from and what is not done against it. Says nothing of a sound
// processor.
void report_leaks();

}  // namespace hv::x86
