// hv's errors as the numbers of Xen's public interface.
#include "hv/abi/xen/errno.hpp"

#include "hv/hypercall/hypercall.hpp"

namespace hv {

std::int64_t xen_errno(Error error) {
    using namespace abi::xen;
    switch (error) {
        case Error::NotPermitted: return -kEPERM;
        case Error::NoEntry: return -kENOENT;
        case Error::NoDomain: return -kESRCH;
        case Error::Io: return -kEIO;
        case Error::TooBig: return -kE2BIG;
        case Error::Again: return -kEAGAIN;
        case Error::NoMemory: return -kENOMEM;
        case Error::Access: return -kEACCES;
        case Error::Fault: return -kEFAULT;
        case Error::Busy: return -kEBUSY;
        case Error::Exists: return -kEEXIST;
        case Error::NoDevice: return -kENODEV;
        case Error::BadArgument: return -kEINVAL;
        case Error::NoSpace: return -kENOSPC;
        case Error::Range: return -kERANGE;
        case Error::NotImplemented: return -kENOSYS;
        case Error::NotSupported: return -kEOPNOTSUPP;
        case Error::NoBuffer: return -kENOBUFS;
        case Error::Overflow: return -kEOVERFLOW;
        case Error::TimePassed: return -kETIME;
        case Error::Restart: return -kEINTR;  // a caller that cannot continue: never seen by a guest
    }
    return -kEINVAL;
}

}  // namespace hv
