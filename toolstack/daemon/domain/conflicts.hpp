// What may be done to a domain that a job works on already: the one table of it. Reading (lists, definitions, vCPUs'
// state, console logs) and consoles do not ask it: they are always possible.
#pragma once

#include <cstdint>

#include "registry/words.hpp"

namespace hvctld {

enum class Conflict : std::uint8_t {
    Refuse,        // Busy, with the number of the job that is there
    Queue,         // begins when that job has ended, however it ends
    Join,          // that job does what is asked for: its caller waits for it, too
    Supersede,     // that job is called off; begins when it has undone what it did
    Beside,        // at once
    WhileItWaits,  // at once, as long as that job only waits for the guest to do as it was asked; Refuse otherwise
};

// `present`: a job's verb. For Verb::StopAll, the job of the whole host: what may be done to any domain meanwhile.
Conflict conflict(Verb present, Verb asked);

// Whether a job in that phase only waits for its guest.
constexpr bool waits_for_guest(JobPhase phase) {
    return phase == JobPhase::WaitForReaction || phase == JobPhase::WaitForStop;
}

// Whether it writes a core file: for minutes, and for ever where the disk does not answer.
constexpr bool is_of_a_dump(JobPhase phase) {
    return phase == JobPhase::OpenDump || phase == JobPhase::CollectCore || phase == JobPhase::WriteCore;
}

}  // namespace hvctld
