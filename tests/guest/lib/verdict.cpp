#include "tests/guest/lib/verdict.hpp"

#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/guest.hpp"

namespace guest {
namespace {

constinit Text first_failure{};
u32 failures;

}  // namespace

void shut_down(ShutdownReason reason) {
    SchedShutdown shutdown{static_cast<u32>(reason)};
    for (;;) sched_op(SchedCommand::Shutdown, &shutdown);
}

void note_failure(const Text& why) {
    if (role() != 0) {
        report_failure(why);
        return;
    }
    if (failures++ == 0) first_failure = why;
    print("  ", test_name, ": ", why.c_str(), "\n");
}

void give_verdict() {
    if (role() != 0) shut_down(ShutdownReason::Poweroff);
    if (failures == 0)
        print("PASS ", test_name, "\n");
    else
        print("FAIL ", test_name, ": ", first_failure.c_str(), failures > 1 ? " (and more)" : "", "\n");
    shut_down(ShutdownReason::Reboot);  // the runner starts the machine so that a reboot ends it
}

void skip(const char* why) {
    print("SKIP ", test_name, ": ", why, "\n");
    shut_down(ShutdownReason::Reboot);
}

}  // namespace guest
