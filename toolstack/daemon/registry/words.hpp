// What jobs do and how runs end, each with the one word that state.db and the bus know it by. The words are stored:
// they never change, and what a version does not know it does not act upon.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hvctld {

// What is done to a domain. Those up to StopAll are jobs: they are stored, and each has a row in recover_jobs.cpp that
// says how it goes on after a restart of the daemon. The others are over within their call.
enum class Verb : std::uint8_t {
    Create,
    Start,
    Restart,  // by the daemon itself, because the guest has ended and its definition says so
    Reboot,
    Shutdown,
    Destroy,
    CleanUp,  // of what is left of a guest that has ended, or never began
    AttachDisk,
    DetachDisk,
    ResizeDisk,
    AttachNic,
    DetachNic,
    ChangeNic,
    DumpCore,
    CreateVolume,  // the next four are of no domain, but of a volume
    ImportVolume,
    ResizeVolume,
    DeleteVolume,
    StopAll,  // ends all guests: of no domain
    Pause,
    Unpause,
    Pin,
    Forget,
    Sysrq,
    Rename,
    Tune,  // its vCPUs, memory and shares
};
inline constexpr Verb kLastVerb = Verb::Tune;
inline constexpr Verb kLastStoredVerb = Verb::StopAll;
constexpr bool is_stored(Verb verb) {
    return verb <= kLastStoredVerb;
}

std::string_view to_string(Verb verb);
std::optional<Verb> verb_of(std::string_view word);

// Where a job is.
enum class JobPhase : std::uint8_t {
    None,  // not begun; or in a phase that this version does not know
    // a start
    Check,
    LookForFiles,
    Remember,
    Create,
    ClaimMemory,
    LoadKernel,
    Build,
    Configure,
    IntroduceToStore,
    Disks,
    Nics,
    Console,
    RememberGuest,
    Start,
    // asking a guest to end
    AskGuest,
    WaitForReaction,
    WaitForStop,
    Stopped,
    // an end
    Stop,
    Disconnect,
    Free,
    Keep,
    BackOff,
    // a disk that comes or goes
    PrepareDisk,
    ConnectDisk,
    WaitForDriver,
    AskForDisk,
    TakeDisk,
    RememberDisks,
    ResizeDisk,
    // the same of a network interface
    PrepareNic,
    ConnectNic,
    AskForNic,
    TakeNic,
    ChangeNic,
    RememberNics,
    // its memory into a file
    OpenDump,
    CollectCore,
    WriteCore,
    // volumes
    LookAtImage,
    ConvertImage,
    MakeVolume,
    CopyImage,
    NameVolume,
    LookAtVolume,
    GrowVolume,
    EraseVolume,
    // taking a domain over from another job
    WaitForOthers,
    LookAtRest,
    // the host's end
    AskGuests,
};
inline constexpr JobPhase kLastPhase = JobPhase::AskGuests;
constexpr bool is_of_a_start(JobPhase phase) {
    return phase >= JobPhase::Check && phase <= JobPhase::Start;
}

std::string_view to_string(JobPhase phase);
std::optional<JobPhase> phase_of(std::string_view word);

// Why a run of a domain ended.
enum class EndReason : std::uint8_t {
    None,  // it has not, or never was
    Poweroff,
    Reboot,
    Suspend,
    Crash,
    Watchdog,
    SoftReset,
    Gone,         // hv does not know it any more, and its end was not seen
    Destroyed,    // by an administrator, or because it did not do as it was asked
    HostRestart,  // with the host
};
inline constexpr EndReason kLastReason = EndReason::HostRestart;

std::string_view to_string(EndReason reason);
std::optional<EndReason> reason_of(std::string_view word);
// By the guest's own fault.
bool is_crash(EndReason reason);

}  // namespace hvctld
