// A guest's memory and registers into a core file (core_file.hpp), piece by piece. Both calls take long and belong in a
// worker thread. Besides some KiB for each MiB of the guest (its frame numbers) they need a fixed amount of memory.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "hvctl/control.hpp"
#include "hvctl/core_file.hpp"

namespace hvctl {

// All but the pages and the shared page, which is no frame of the guest's own and which the caller may map and put in;
// of a domain that is paused meanwhile. `file_name`: what the file is called, without folders. NotSupported: hv is too
// old to tell which frame is which. `cancel`: ErrorCode::Cancelled.
Result<CoreContents> collect_core(const Control& control, DomainId domain, const std::string& file_name,
                                  const std::stop_token& cancel);

// From the thread that writes.
using CoreProgress = std::function<void(std::uint64_t pages, std::uint64_t of)>;

// Writes the whole file to `fd`, which is empty; pages of zeros become holes. A domain that runs on meanwhile may give
// frames away: these are left as zeros. Returns how many.
Result<std::uint64_t> write_core(const Control& control, DomainId domain, const CoreContents& contents, int fd,
                                 const CoreProgress& progress, const std::stop_token& cancel);

}  // namespace hvctl
