#include "hv/x86/cpu/leaks.hpp"

#include "hv/base/log.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/cpu/spec_ctrl.hpp"
#include "hv/x86/cpu/this_processor.hpp"
#include "hv/x86/leaks/entry_measures.hpp"
#include "hv/x86/leaks/report.hpp"

namespace hv::x86 {
namespace {

constinit Mitigations decided{};
constinit Identification of_boot_cpu{};
// One for each value of GuestFilter::kernel_is_user.
constinit GuestControls for_user_kernels{}, for_kernels{};
constinit LeakTexts texts{};

// These stay as they were decided at boot: page tables of guests were made for them or were not, a CPU that was parked
// is not set up to run guests, and the jumps that became returns are gone.
constexpr Measures kFromTheStart =
    kIsolate | Measures{Measure::SanitiseDomu, Measure::SanitiseDom0, Measure::SafeThunks, Measure::SiblingsOff};

Identification identify_here() {
    Identification found = identify(ThisProcessor{});
    if (!boot_options().smep) found.clear(CpuidBit::Smep);  // it is there, and off
    return found;
}

void apply_decision() {
    choose_spec_ctrl();
    for_user_kernels = controls_for({.kernel_is_user = true}, of_boot_cpu, decided, measures_at_work());
    for_kernels = controls_for({.kernel_is_user = false}, of_boot_cpu, decided, measures_at_work());
    write_texts(texts, decided, kAtWork);
}

}  // namespace

void decide_mitigations() {
    of_boot_cpu = identify_here();
    decided = decide(of_boot_cpu, boot_options().leaks);
    apply_decision();
}

void decide_mitigations_again() {
    const Measures fixed = decided.wanted & kFromTheStart;
    of_boot_cpu = identify_here();
    decided = decide(of_boot_cpu, boot_options().leaks);
    decided.wanted = (decided.wanted - kFromTheStart) | fixed;
    apply_decision();
}

bool processor_says_otherwise() {
    return identify_here() != of_boot_cpu;
}

const Mitigations& mitigations() {
    return decided;
}

Measures measures_at_work() {
    return kAtWork & decided.wanted;
}

bool at_work(Measure measure) {
    return measures_at_work().has(measure);
}

bool isolation_at_work() {
    return !(measures_at_work() & kIsolate).empty();
}

bool leaks_like_the_boot_cpu() {
    return as_safe_as(of_boot_cpu, identify_here());
}

const GuestControls& guest_controls(const GuestFilter& of_kind) {
    return of_kind.kernel_is_user ? for_user_kernels : for_kernels;
}

const LeakTexts& leak_texts() {
    return texts;
}

void report_leaks() {
    report(decided, kAtWork, log_text);
}

}  // namespace hv::x86
