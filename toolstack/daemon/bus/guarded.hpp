// Between sd-bus, which is C, and us: no exception passes, whatever it is.
#pragma once

#include <systemd/sd-bus.h>

#include <exception>
#include <new>

#include "base/errors.hpp"

namespace hvctld::bus {

// Replies with an error that needs no memory of ours; tells the log of what must not happen at all.
int refuse(sd_bus_message* call, ErrorId id, const char* text) noexcept;
// "HV-E0204: ..." under the table's name.
int reply_error(sd_bus_message* call, const Error& error);

// Runs a method's work, a Result<void>: an error, or an exception, becomes the reply to `call`.
// Returns what sd-bus wants of a handler.
template <class Work>
int guarded(sd_bus_message* call, Work work) noexcept {
    try {
        const Result<void> done = work();
        return done ? 1 : reply_error(call, done.error());
    } catch (const std::bad_alloc&) {  // no error_of(): its text takes memory
        return refuse(call, ErrorId::NoMemory, "hvctld itself is out of memory");
    } catch (const std::exception& problem) {
        return refuse(call, ErrorId::Internal, problem.what());
    } catch (...) {
        return refuse(call, ErrorId::Internal, "an exception of no known type");
    }
}

}  // namespace hvctld::bus
