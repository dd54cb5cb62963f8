// Waiting for a job's end, with its progress on the terminal.
#pragma once

#include <string>
#include <vector>

#include "context.hpp"

namespace hvctl::cli {

// What the first Ctrl-C does to the job.
enum class OnInterrupt { CancelJob, LeaveJob };

// How a job's progress is shown where there is no terminal: not at all, or with a line for each change.
enum class Progress { Quiet, Lines };

// The job's properties once it is done, or its error. Goes on over a restart of hvctld.
Result<Properties> wait_for_job(Context& context, JobId job, OnInterrupt on_interrupt,
                                Progress progress = Progress::Quiet);

// "create hello: building memory  45 %", from a job's properties.
std::string progress_text(const Properties& job);

}  // namespace hvctl::cli
