#include "hvctl/result.hpp"

#include <cerrno>
#include <system_error>

namespace hvctl {

namespace {

ErrorCode code_of(int error_number) {
    switch (error_number) {
        case EINVAL:
        case E2BIG:
        case ENAMETOOLONG: return ErrorCode::InvalidArgument;
        case ENOENT:
        case ESRCH: return ErrorCode::NotFound;
        case EEXIST: return ErrorCode::AlreadyExists;
        case EPERM:
        case EACCES: return ErrorCode::NotPermitted;
        case ENOSYS:
        case EOPNOTSUPP: return ErrorCode::NotSupported;
        case EBUSY: return ErrorCode::Busy;
        case EAGAIN:
        case EINTR: return ErrorCode::TryAgain;
        case ENOMEM: return ErrorCode::NoMemory;
        case ENOSPC:
        case EMFILE:
        case ENFILE: return ErrorCode::LimitReached;
        case EFAULT: return ErrorCode::Internal;
        default: return ErrorCode::Io;
    }
}

}  // namespace

std::string_view name_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::InvalidArgument: return "InvalidArgument";
        case ErrorCode::NotFound: return "NotFound";
        case ErrorCode::AlreadyExists: return "AlreadyExists";
        case ErrorCode::NotPermitted: return "NotPermitted";
        case ErrorCode::NotRoot: return "NotRoot";
        case ErrorCode::NotOnHv: return "NotOnHv";
        case ErrorCode::NotSupported: return "NotSupported";
        case ErrorCode::Busy: return "Busy";
        case ErrorCode::TryAgain: return "TryAgain";
        case ErrorCode::NoMemory: return "NoMemory";
        case ErrorCode::LimitReached: return "LimitReached";
        case ErrorCode::Io: return "Io";
        case ErrorCode::Truncated: return "Truncated";
        case ErrorCode::NotAKernel: return "NotAKernel";
        case ErrorCode::WrongArchitecture: return "WrongArchitecture";
        case ErrorCode::NotBootable: return "NotBootable";
        case ErrorCode::TooLarge: return "TooLarge";
        case ErrorCode::Corrupt: return "Corrupt";
        case ErrorCode::Cancelled: return "Cancelled";
        case ErrorCode::Internal: return "Internal";
    }
    return "Unknown";
}

Error Error::from_errno(int error_number, std::string message) {
    message += ": ";
    message += std::generic_category().message(error_number);
    return Error{code_of(error_number), std::move(message), error_number};
}

Error Error::within(std::string_view context) && {
    std::string message{context};
    message += ": ";
    message += message_;
    return Error{code_, std::move(message), error_number_};
}

}  // namespace hvctl
