#include "store/error.hpp"

namespace hvctld::store {

std::string_view wire_name(Error error) {
    switch (error) {
        case Error::BadArgument: return "EINVAL";
        case Error::NotPermitted: return "EACCES";
        case Error::Exists: return "EEXIST";
        case Error::NotFound: return "ENOENT";
        case Error::NoSpace: return "ENOSPC";
        case Error::Io: return "EIO";
        case Error::NotSupported: return "ENOSYS";
        case Error::Busy: return "EBUSY";
        case Error::Again: return "EAGAIN";
        case Error::Connected: return "EISCONN";
        case Error::TooBig: return "E2BIG";
        case Error::NotOwner: return "EPERM";
    }
    return "EINVAL";
}

}  // namespace hvctld::store
