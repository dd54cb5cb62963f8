// Attaching to a domain's console, with all that belongs to it for the person in front.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "context.hpp"

namespace hvctl::cli {

struct Attach {
    std::string domain;                               // as the user named it
    std::string mode = "write";                       // "write", "read" or "steal"
    std::uint64_t history = 16384;                    // bytes of missed output to show first
    std::function<Result<void>(Manager&)> when_open;  // called once the stream is there; may be empty
};

// Returns when the user leaves or the domain ends. Goes on over a guest's reboot and a restart of hvctld.
Result<void> attach_console(Context& context, Attach attach);

}  // namespace hvctl::cli
