// Starting a guest needs a record, so that the next process of the daemon knows the domain; ending one never does.
#pragma once

#include "domain/context.hpp"

namespace hvctld {

// NoRecord, at once, when the registry's file takes nothing.
[[nodiscard]] Result<void> require_registry(const Registry& registry);

// Goes on when the file has what was saved. `patient`: no client waits for the job, so it waits as long as it takes.
[[nodiscard]] Step remembered(Context& context, bool patient);

}  // namespace hvctld
