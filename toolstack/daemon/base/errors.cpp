#include "base/errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

namespace hvctld {
namespace {

constexpr std::array kTable{
    ErrorEntry{ErrorId::Internal, "Internal", "hvctld has broken a promise of its own; the journal has the details."},
    ErrorEntry{ErrorId::InvalidArgument, "InvalidArgument", "An argument of the request is malformed or out of range."},
    ErrorEntry{ErrorId::AccessDenied, "AccessDenied",
               "The caller may not do this; only root, and users allowed by polkit, may."},
    ErrorEntry{ErrorId::NotOnHv, "NotOnHv", "This system does not run as Dom0 of hv; boot it under hv."},
    ErrorEntry{ErrorId::NotSupported, "NotSupported",
               "The running hv or kernel does not offer what the request needs."},
    ErrorEntry{ErrorId::Io, "Io", "The operating system refused a file, device or database operation."},
    ErrorEntry{ErrorId::HvRefused, "HvRefused", "hv refused a control call."},
    ErrorEntry{ErrorId::NotReady, "NotReady", "hvctld is starting or stopping; try again in a moment."},
    ErrorEntry{
        ErrorId::NoRecord, "NoRecord",
        "The registry cannot be written, and what starts a guest must be remembered; the message says what to do. "
        "Ending guests works all the same."},
    ErrorEntry{ErrorId::Damaged, "Damaged", "The registry's file is damaged; restarting hvctld puts it aside."},
    ErrorEntry{
        ErrorId::AuthorizationRequired, "AuthorizationRequired",
        "The caller may do this once he has authenticated himself; the call must allow interactive authorization."},
    ErrorEntry{ErrorId::DefinitionInvalid, "DefinitionInvalid",
               "The domain definition or an override has errors; each is named with file, line and column."},
    ErrorEntry{ErrorId::NotInThisVersion, "NotInThisVersion",
               "The definition is valid but asks for something that this version of hvctld does not serve yet."},
    ErrorEntry{ErrorId::NoSuchDomain, "NoSuchDomain", "No domain has this name, identifier or UUID."},
    ErrorEntry{ErrorId::NameTaken, "NameTaken", "Another domain has the name; destroy it or choose another name."},
    ErrorEntry{ErrorId::UuidTaken, "UuidTaken", "Another domain has the UUID; remove the key to get a fresh one."},
    ErrorEntry{ErrorId::Busy, "Busy", "Another job works on the domain, or another client writes to its console."},
    ErrorEntry{ErrorId::WrongState, "WrongState", "The domain is not in a state that allows the operation."},
    ErrorEntry{ErrorId::IsDom0, "IsDom0", "The operation is for guests, not for Domain-0, the host's own system."},
    ErrorEntry{ErrorId::GuestSilent, "GuestSilent",
               "The guest did not take the request; it has no driver for it or hangs. Destroying it always works."},
    ErrorEntry{ErrorId::NoMemory, "NoMemory", "The host, or Dom0 itself, has less free memory than is needed."},
    ErrorEntry{ErrorId::TooManyVcpus, "TooManyVcpus", "hv does not give that many vCPUs to one domain."},
    ErrorEntry{ErrorId::NoSuchCpu, "NoSuchCpu", "An affinity names only CPUs that the host does not have."},
    ErrorEntry{ErrorId::LimitReached, "LimitReached", "A limit other than memory is reached; the message names it."},
    ErrorEntry{ErrorId::NoSuchVcpu, "NoSuchVcpu", "The domain has no vCPU of that number."},
    ErrorEntry{ErrorId::NoCpu, "NoCpu", "Not enough CPU time is left to reserve; the message shows the sum."},
    ErrorEntry{ErrorId::NoSuchPool, "NoSuchPool", "There is no CPU pool of that name."},
    ErrorEntry{ErrorId::FileMissing, "FileMissing", "A file that the definition names does not exist."},
    ErrorEntry{ErrorId::FileUnreadable, "FileUnreadable", "A file that the definition names cannot be read."},
    ErrorEntry{ErrorId::NotAKernel, "NotAKernel", "The kernel file is in no known kernel format."},
    ErrorEntry{ErrorId::KernelTruncated, "KernelTruncated", "The kernel file ends before what its headers promise."},
    ErrorEntry{ErrorId::WrongArchitecture, "WrongArchitecture", "The kernel is for another processor."},
    ErrorEntry{ErrorId::KernelNotBootable, "KernelNotBootable", "The kernel cannot boot as a guest of this type."},
    ErrorEntry{ErrorId::KernelTooLarge, "KernelTooLarge", "Kernel and initrd do not fit into the domain's memory."},
    ErrorEntry{ErrorId::KernelCorrupt, "KernelCorrupt", "The kernel file contradicts itself; fetch it again."},
    ErrorEntry{ErrorId::NoRoom, "NoRoom", "The file system has less room than a file needs that is to be written."},
    ErrorEntry{ErrorId::FileExists, "FileExists",
               "A file that is to be written is there already, and is not written over; choose another name."},
    ErrorEntry{ErrorId::NoConsole, "NoConsole", "The domain has no console or no console log yet."},
    ErrorEntry{ErrorId::NoSuchJob, "NoSuchJob", "No job has this number; old jobs are forgotten."},
    ErrorEntry{ErrorId::Cancelled, "Cancelled", "The job was cancelled; what it had done is undone."},
    ErrorEntry{ErrorId::DeadlinePassed, "DeadlinePassed", "The job did not end within its deadline."},
    ErrorEntry{ErrorId::Interrupted, "Interrupted",
               "hvctld was restarted while the job ran, and the job could not go on."},
    ErrorEntry{ErrorId::ImageUnusable, "ImageUnusable",
               "What a disk names is no image of a disk, or one of another format than the definition says."},
    ErrorEntry{ErrorId::ImageBusy, "ImageBusy",
               "Another domain, or Dom0, has the image of a disk and writes to it, or would be written to under its "
               "eyes."},
    ErrorEntry{ErrorId::BackendFailed, "BackendFailed",
               "Dom0's kernel does not serve a device, or does not let go of it; its log may say why."},
    ErrorEntry{ErrorId::NoSuchDisk, "NoSuchDisk", "The domain has no disk of that name."},
    ErrorEntry{ErrorId::TargetTaken, "TargetTaken", "The domain has a disk of that name already."},
    ErrorEntry{ErrorId::NoSuchVolume, "NoSuchVolume", "The pool has no volume of that name."},
    ErrorEntry{ErrorId::VolumeExists, "VolumeExists",
               "The pool has a volume of that name already, or one of that name is being made."},
    ErrorEntry{ErrorId::NoSuchVolumePool, "NoSuchVolumePool",
               "The host has no pool of volumes of that name; its settings name all but the first one."},
    ErrorEntry{ErrorId::VolumePoolFailed, "VolumePoolFailed",
               "What a pool of volumes is made of, LVM for one, refused what was needed; the message has its words."},
    ErrorEntry{ErrorId::NicUnusable, "NicUnusable",
               "A network interface cannot be had as it is defined: its bridge is none, or not there."},
    ErrorEntry{ErrorId::AddressTaken, "AddressTaken", "Another domain, or Dom0, has the MAC address or the address."},
    ErrorEntry{ErrorId::NoSuchNic, "NoSuchNic", "The domain has no network interface of that number or MAC address."},
    ErrorEntry{
        ErrorId::HookFailed, "HookFailed",
        "The host's own program for a network interface has failed, or cannot be run; the message has its words."},
};

// In ascending order of numbers, each with a name of its own.
constexpr bool is_in_order() {
    for (auto entry = kTable.begin(); entry != kTable.end(); ++entry) {
        if (entry != kTable.begin() && entry->id <= (entry - 1)->id) return false;
        if (!entry->meaning.ends_with('.')) return false;
        for (auto other = kTable.begin(); other != entry; ++other)
            if (other->name == entry->name) return false;
    }
    return true;
}
static_assert(is_in_order());
static_assert(kTable.size() == 55 && kTable.back().id == ErrorId::HookFailed,
              "a new error must be put into the table, too; it is counted here");

ErrorId id_of(hvctl::ErrorCode code) {
    using Code = hvctl::ErrorCode;
    switch (code) {  // no default: the compiler names a missing case
        case Code::InvalidArgument: return ErrorId::InvalidArgument;
        case Code::NotFound: return ErrorId::FileMissing;
        case Code::AlreadyExists: return ErrorId::HvRefused;
        case Code::NotPermitted: return ErrorId::HvRefused;
        case Code::NotRoot: return ErrorId::AccessDenied;
        case Code::NotOnHv: return ErrorId::NotOnHv;
        case Code::NotSupported: return ErrorId::NotSupported;
        case Code::Busy: return ErrorId::HvRefused;
        case Code::TryAgain: return ErrorId::HvRefused;
        case Code::NoMemory: return ErrorId::NoMemory;
        case Code::LimitReached: return ErrorId::LimitReached;
        case Code::Io: return ErrorId::Io;
        case Code::Truncated: return ErrorId::KernelTruncated;
        case Code::NotAKernel: return ErrorId::NotAKernel;
        case Code::WrongArchitecture: return ErrorId::WrongArchitecture;
        case Code::NotBootable: return ErrorId::KernelNotBootable;
        case Code::TooLarge: return ErrorId::KernelTooLarge;
        case Code::Corrupt: return ErrorId::KernelCorrupt;
        case Code::Cancelled: return ErrorId::Cancelled;
        case Code::Internal: return ErrorId::Internal;
    }
    return ErrorId::Internal;
}

}  // namespace

const ErrorEntry& entry_of(ErrorId id) {
    const auto* found = std::ranges::find(kTable, id, &ErrorEntry::id);
    return found != kTable.end() ? *found : kTable.front();
}

Error::Error(const hvctl::Error& error) : message_{error.what()}, id_{id_of(error.code())} {}

std::string Error::code() const {
    return fmt::format("HV-E{:04}", static_cast<unsigned>(id_));
}

std::string Error::text() const {
    return code() + ": " + message_;
}

Error Error::within(std::string_view context) const {
    return {id_, fmt::format("{}: {}", context, message_)};
}

Error error_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::bad_alloc&) {
        return {ErrorId::NoMemory, "hvctld itself is out of memory"};
    } catch (const std::exception& problem) {
        return {ErrorId::Internal, problem.what()};
    } catch (...) {
        return {ErrorId::Internal, "an exception of no known type"};
    }
}

std::unexpected<Error> fail_errno(int number, std::string_view what) {
    const ErrorId id = number == EACCES || number == EPERM ? ErrorId::AccessDenied : ErrorId::Io;
    return fail(id, fmt::format("{}: {}", what, std::strerror(number)));
}

}  // namespace hvctld
