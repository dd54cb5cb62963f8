// Shutdown and reboot: the guest is asked, and may be waited for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "context.hpp"

namespace hvctl::cli {

struct StopArguments {
    std::vector<std::string> domains;
    bool all = false;
    bool wait = false;
    std::string timeout;
};

// The options of a call that takes a timeout; "" is none.
Result<Properties> timeout_options(const std::string& seconds, const std::string& verb);

using StopCall = Result<JobId> (Manager::*)(const std::string& domain, const Properties& options);

void add_stop_options(Verb& verb, StopArguments& arguments, const std::string& what);

Result<void> stop_domains(Context& context, const StopArguments& arguments, StopCall call, const std::string& verb);

}  // namespace hvctl::cli
