#include "hv/x86/cpu/leaks.hpp"

#include "hv/base/log.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/cpu/this_processor.hpp"
#include "hv/x86/leaks/report.hpp"

namespace hv::x86 {

void report_leaks() {
    report(decide(identify(ThisProcessor{}), boot_options().leaks), kAtWork, log_text);
}

}  // namespace hv::x86
