#include "hv/x86/cpu/leaks.hpp"

#include "hv/base/log.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/cpu/spec_ctrl.hpp"
#include "hv/x86/cpu/this_processor.hpp"
#include "hv/x86/leaks/report.hpp"

namespace hv::x86 {
namespace {

constinit Mitigations decided{};

}  // namespace

void decide_mitigations() {
    decided = decide(identify(ThisProcessor{}), boot_options().leaks);
    choose_spec_ctrl();
}

const Mitigations& mitigations() {
    return decided;
}

bool at_work(Measure measure) {
    return kAtWork.has(measure) && decided.wanted.has(measure);
}

void report_leaks() {
    report(decided, kAtWork, log_text);
}

}  // namespace hv::x86
