#include "domain/conflicts.hpp"

namespace hvctld {
namespace {

using enum Conflict;

// What may be asked while a job is there, a column for each verb.
struct Row {
    Conflict create = Refuse;
    Conflict start = Refuse;
    Conflict restart = Refuse;
    Conflict reboot = Refuse;
    Conflict shutdown = Refuse;
    Conflict destroy = Refuse;
    Conflict clean_up = Refuse;
    Conflict attach_disk = Refuse;
    Conflict detach_disk = Refuse;
    Conflict resize_disk = Refuse;
    Conflict attach_nic = Refuse;
    Conflict detach_nic = Refuse;
    Conflict change_nic = Refuse;
    Conflict dump_core = Refuse;
    Conflict stop_all = Refuse;
    Conflict pause = Refuse;
    Conflict unpause = Refuse;
    Conflict pin = Refuse;
    Conflict forget = Refuse;
    Conflict sysrq = Refuse;
    Conflict rename = Refuse;
    Conflict tune = Refuse;
};

// One row for each kind of job; what a row does not name is refused.
//
// An end takes a domain from whatever has it, so that no start, and no guest that does not react, keeps an
// administrator from ending it. A start waits for an end that is under way, which takes a moment. What is paused is the
// guest that is there: that goes beside a job only while the job waits for this very guest. CPUs can be chosen at any
// time; what a start goes by must stay while it does.
constexpr Row kStarts{.shutdown = Supersede, .destroy = Supersede, .stop_all = Supersede, .pin = Beside};
constexpr Row kReboot{.reboot = Join,
                      .shutdown = Supersede,
                      .destroy = Supersede,
                      .stop_all = Supersede,
                      .pause = WhileItWaits,
                      .unpause = WhileItWaits,
                      .pin = Beside,
                      .sysrq = WhileItWaits,
                      .tune = WhileItWaits};
constexpr Row kShutdown{.shutdown = Join,
                        .destroy = Supersede,
                        .stop_all = Join,
                        .pause = WhileItWaits,
                        .unpause = WhileItWaits,
                        .pin = Beside,
                        .sysrq = WhileItWaits,
                        .tune = WhileItWaits};
constexpr Row kEnds{.start = Queue, .shutdown = Join, .destroy = Join, .stop_all = Join, .pin = Beside};
constexpr Row kHostEnd{.shutdown = Beside,
                       .destroy = Beside,
                       .clean_up = Beside,
                       .detach_disk = Beside,
                       .resize_disk = Beside,
                       .detach_nic = Beside,
                       .stop_all = Join,
                       .pause = Beside,
                       .unpause = Beside,
                       .pin = Beside,
                       .forget = Beside,
                       .sysrq = Beside,
                       .tune = Beside};
// One change comes after the other, and an end before all.
constexpr Row kDevices{.shutdown = Supersede,
                       .destroy = Supersede,
                       .attach_disk = Queue,
                       .detach_disk = Queue,
                       .resize_disk = Queue,
                       .attach_nic = Queue,
                       .detach_nic = Queue,
                       .change_nic = Queue,
                       .stop_all = Supersede,
                       .pause = Beside,
                       .unpause = Beside,
                       .pin = Beside,
                       .sysrq = Beside,
                       .tune = Beside};
// The guest stands still, and is to stand still.
constexpr Row kDump{.shutdown = Supersede, .destroy = Supersede, .stop_all = Supersede, .pin = Beside};
constexpr Row kNoJob{};  // verbs that are over within their call

const Row& row_of(Verb present) {
    switch (present) {
        case Verb::Create:
        case Verb::Start:
        case Verb::Restart: return kStarts;
        case Verb::Reboot: return kReboot;
        case Verb::Shutdown: return kShutdown;
        case Verb::Destroy:
        case Verb::CleanUp: return kEnds;
        case Verb::AttachDisk:
        case Verb::DetachDisk:
        case Verb::ResizeDisk:
        case Verb::AttachNic:
        case Verb::DetachNic:
        case Verb::ChangeNic: return kDevices;
        case Verb::DumpCore: return kDump;
        case Verb::StopAll: return kHostEnd;
        case Verb::CreateVolume:  // of no domain: claims and definitions say whether a volume is in use
        case Verb::ImportVolume:
        case Verb::ResizeVolume:
        case Verb::DeleteVolume:
        case Verb::Pause:
        case Verb::Unpause:
        case Verb::Pin:
        case Verb::Forget:
        case Verb::Sysrq:
        case Verb::Rename:
        case Verb::Tune: return kNoJob;
    }
    return kNoJob;
}

}  // namespace

Conflict conflict(Verb present, Verb asked) {
    const Row& row = row_of(present);
    switch (asked) {
        case Verb::Create: return row.create;
        case Verb::Start: return row.start;
        case Verb::Restart: return row.restart;
        case Verb::Reboot: return row.reboot;
        case Verb::Shutdown: return row.shutdown;
        case Verb::Destroy: return row.destroy;
        case Verb::CleanUp: return row.clean_up;
        case Verb::AttachDisk: return row.attach_disk;
        case Verb::DetachDisk: return row.detach_disk;
        case Verb::ResizeDisk: return row.resize_disk;
        case Verb::AttachNic: return row.attach_nic;
        case Verb::DetachNic: return row.detach_nic;
        case Verb::ChangeNic: return row.change_nic;
        case Verb::DumpCore: return row.dump_core;
        case Verb::CreateVolume:
        case Verb::ImportVolume:
        case Verb::ResizeVolume:
        case Verb::DeleteVolume: return Refuse;
        case Verb::StopAll: return row.stop_all;
        case Verb::Pause: return row.pause;
        case Verb::Unpause: return row.unpause;
        case Verb::Pin: return row.pin;
        case Verb::Forget: return row.forget;
        case Verb::Sysrq: return row.sysrq;
        case Verb::Rename: return row.rename;
        case Verb::Tune: return row.tune;
    }
    return Refuse;
}

}  // namespace hvctld
