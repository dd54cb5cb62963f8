#include "registry/words.hpp"

namespace hvctld {
namespace {

template <class Enum>
std::optional<Enum> parse(std::string_view word, Enum last) {
    for (std::uint8_t number = 0; number <= static_cast<std::uint8_t>(last); ++number) {
        if (to_string(static_cast<Enum>(number)) == word) return static_cast<Enum>(number);
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_string(Verb verb) {
    switch (verb) {
        case Verb::Create: return "create";
        case Verb::Start: return "start";
        case Verb::Restart: return "restart";
        case Verb::Reboot: return "reboot";
        case Verb::Shutdown: return "shutdown";
        case Verb::Destroy: return "destroy";
        case Verb::CleanUp: return "clean up";
        case Verb::AttachDisk: return "attach disk";
        case Verb::DetachDisk: return "detach disk";
        case Verb::ResizeDisk: return "resize disk";
        case Verb::AttachNic: return "attach nic";
        case Verb::DetachNic: return "detach nic";
        case Verb::ChangeNic: return "change nic";
        case Verb::DumpCore: return "dump core";
        case Verb::CreateVolume: return "create volume";
        case Verb::ImportVolume: return "import volume";
        case Verb::ResizeVolume: return "resize volume";
        case Verb::DeleteVolume: return "delete volume";
        case Verb::StopAll: return "stop";
        case Verb::Pause: return "pause";
        case Verb::Unpause: return "unpause";
        case Verb::Pin: return "pin";
        case Verb::Forget: return "forget";
        case Verb::Sysrq: return "sysrq";
        case Verb::Rename: return "rename";
        case Verb::Tune: return "tune";
    }
    return {};
}

std::optional<Verb> verb_of(std::string_view word) {
    return parse(word, kLastVerb);
}

std::string_view to_string(JobPhase phase) {
    switch (phase) {
        case JobPhase::None: return "";
        case JobPhase::Check: return "check";
        case JobPhase::LookForFiles: return "look for its files";
        case JobPhase::Remember: return "remember";
        case JobPhase::Create: return "create";
        case JobPhase::ClaimMemory: return "claim memory";
        case JobPhase::LoadKernel: return "load kernel";
        case JobPhase::Build: return "build";
        case JobPhase::Configure: return "configure";
        case JobPhase::IntroduceToStore: return "introduce to the store";
        case JobPhase::Disks: return "disks";
        case JobPhase::Nics: return "network interfaces";
        case JobPhase::Console: return "console";
        case JobPhase::RememberGuest: return "remember the guest";
        case JobPhase::Start: return "start";
        case JobPhase::AskGuest: return "ask the guest";
        case JobPhase::WaitForReaction: return "wait for the guest to react";
        case JobPhase::WaitForStop: return "wait for the guest to stop";
        case JobPhase::Stopped: return "stopped";
        case JobPhase::Stop: return "stop";
        case JobPhase::Disconnect: return "disconnect";
        case JobPhase::Free: return "free";
        case JobPhase::Keep: return "keep the run under another name";
        case JobPhase::BackOff: return "back off";
        case JobPhase::PrepareDisk: return "prepare the disk";
        case JobPhase::ConnectDisk: return "connect the disk";
        case JobPhase::WaitForDriver: return "wait for the guest to take it";
        case JobPhase::AskForDisk: return "wait for the guest to let go of it";
        case JobPhase::TakeDisk: return "take the disk away";
        case JobPhase::RememberDisks: return "remember its disks";
        case JobPhase::ResizeDisk: return "resize the disk";
        case JobPhase::PrepareNic: return "prepare the network interface";
        case JobPhase::ConnectNic: return "connect the network interface";
        case JobPhase::AskForNic: return "wait for the guest to let go of the network interface";
        case JobPhase::TakeNic: return "take the network interface away";
        case JobPhase::ChangeNic: return "change the network interface";
        case JobPhase::RememberNics: return "remember its network interfaces";
        case JobPhase::OpenDump: return "make the file for its memory";
        case JobPhase::CollectCore: return "collect its state";
        case JobPhase::WriteCore: return "write its memory to the file";
        case JobPhase::LookAtImage: return "look at the image";
        case JobPhase::ConvertImage: return "convert the image";
        case JobPhase::MakeVolume: return "make the volume";
        case JobPhase::CopyImage: return "copy the image";
        case JobPhase::NameVolume: return "give the volume its name";
        case JobPhase::LookAtVolume: return "look at the volume";
        case JobPhase::GrowVolume: return "make the volume larger";
        case JobPhase::EraseVolume: return "erase the volume";
        case JobPhase::WaitForOthers: return "wait for what was under way";
        case JobPhase::LookAtRest: return "look at what is left";
        case JobPhase::AskGuests: return "ask the guests";
    }
    return {};
}

std::optional<JobPhase> phase_of(std::string_view word) {
    return parse(word, kLastPhase);
}

std::string_view to_string(EndReason reason) {
    switch (reason) {
        case EndReason::None: return "";
        case EndReason::Poweroff: return "poweroff";
        case EndReason::Reboot: return "reboot";
        case EndReason::Suspend: return "suspend";
        case EndReason::Crash: return "crash";
        case EndReason::Watchdog: return "watchdog";
        case EndReason::SoftReset: return "soft-reset";
        case EndReason::Gone: return "gone";
        case EndReason::Destroyed: return "destroyed";
        case EndReason::HostRestart: return "host-restart";
    }
    return {};
}

std::optional<EndReason> reason_of(std::string_view word) {
    return parse(word, kLastReason);
}

bool is_crash(EndReason reason) {
    return reason == EndReason::Crash || reason == EndReason::Watchdog || reason == EndReason::SoftReset;
}

}  // namespace hvctld
