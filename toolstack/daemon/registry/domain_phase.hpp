// How far a domain is, as state.db has it, and what each part of the daemon asks about that.
//
// No code outside this file compares phases. A new one (a guest that is being saved, that comes in from another host,
// or that is suspended) is a new enumerator here. The switches below, and the one for what clients are shown
// (domain_view.cpp), then do not compile before each of them says what the new phase means.
#pragma once

#include <cstdint>
#include <optional>

namespace hvctld {

// Stored by its number: a number is never given to anything else. A new one (4 is the next) comes with a new schema, so
// that an older hvctld does not open the registry at all.
enum class DomainPhase : std::uint8_t {
    Stopped = 0,   // defined only
    Building = 1,  // a domain of this UUID in hv is half-made and never ran
    Running = 2,   // lives in hv; `instance` says how to reach it
    Ending = 3,    // must go: its end has begun, and half a guest is of no use
};

// What a stored number stands for; nothing for one that only another version of hvctld knows.
constexpr std::optional<DomainPhase> domain_phase_of(std::int64_t number) {
    if (number < 0 || number > UINT8_MAX) return std::nullopt;
    const auto phase = static_cast<DomainPhase>(number);
    switch (phase) {
        case DomainPhase::Stopped:
        case DomainPhase::Building:
        case DomainPhase::Running:
        case DomainPhase::Ending: return phase;
    }
    return std::nullopt;
}

// A start may begin, and the definition may be replaced or go: no run of the domain is there or kept.
constexpr bool may_begin(DomainPhase phase) {
    switch (phase) {
        case DomainPhase::Stopped: return true;
        case DomainPhase::Building:
        case DomainPhase::Running:
        case DomainPhase::Ending: return false;
    }
    return false;
}

// hv may have a domain for it, which ends with the host.
constexpr bool may_be_in_hv(DomainPhase phase) {
    switch (phase) {
        case DomainPhase::Stopped: return false;
        case DomainPhase::Building:
        case DomainPhase::Running:
        case DomainPhase::Ending: return true;
    }
    return false;
}

// The domain in hv is being made, and its guest has not run in it.
constexpr bool is_being_made(DomainPhase phase) {
    switch (phase) {
        case DomainPhase::Building: return true;
        case DomainPhase::Stopped:
        case DomainPhase::Running:
        case DomainPhase::Ending: return false;
    }
    return false;
}

// The guest has all that belongs to it (memory, store, console, devices): it is served again after a restart of the
// daemon. What is in hv and not whole is ended then.
constexpr bool is_whole(DomainPhase phase) {
    switch (phase) {
        case DomainPhase::Stopped:
        case DomainPhase::Building:
        case DomainPhase::Ending: return false;
        case DomainPhase::Running: return true;
    }
    return false;
}

// A whole guest that is left to run: its end is looked for and acted upon as its definition says, and it is paused
// while its disks cannot grow. (One that is being saved is whole, but stops because it is told to.)
constexpr bool runs(DomainPhase phase) {
    switch (phase) {
        case DomainPhase::Stopped:
        case DomainPhase::Building:
        case DomainPhase::Ending: return false;
        case DomainPhase::Running: return true;
    }
    return false;
}

// Its end has begun, and is tried again until hv has freed the domain.
constexpr bool is_ending(DomainPhase phase) {
    switch (phase) {
        case DomainPhase::Ending: return true;
        case DomainPhase::Stopped:
        case DomainPhase::Building:
        case DomainPhase::Running: return false;
    }
    return false;
}

}  // namespace hvctld
