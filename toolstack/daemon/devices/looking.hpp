// Waiting for what Dom0's kernel or a guest does. They send no message to this process, so it looks again and again.
#pragma once

#include <cstdint>
#include <functional>

#include "domain/job.hpp"

namespace hvctld {

// `done`, but only at the first call. For a step that may be called off: what it waited for may still come afterwards,
// when the job is gone.
Done once(Done done);

// Calls `look`, less often as time passes, until it says true or an error; when `patience_ms` are over the step fails
// with `excuse`.
Step look_until(std::function<Result<bool>()> look, std::uint64_t patience_ms, std::function<Error()> excuse);

inline constexpr std::uint64_t kKernelPatienceMs = 30'000;  // Dom0's kernel opens a device, which may have to spin up
inline constexpr std::uint64_t kGuestPatienceMs = 10'000;

}  // namespace hvctld
