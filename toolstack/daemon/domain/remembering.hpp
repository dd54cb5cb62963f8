// Starting a guest needs a record, so that whoever comes after this process knows whose it is; ending one never does.
#pragma once

#include "domain/context.hpp"

namespace hvctld {

// NoRecord, at once, when the registry's file takes nothing.
[[nodiscard]] Result<void> require_registry(const Registry& registry);

// Goes on when the file has what was saved. `patient`: nobody waits for the job, so it waits as long as it takes.
[[nodiscard]] Step remembered(Context& context, bool patient);

}  // namespace hvctld
