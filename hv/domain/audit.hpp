// An audit of the whole machine: every domain's lists, pages and promises, and all frames
// (hv/memory/audit.hpp, which says when it may run).
#pragma once

#include "hv/memory/audit.hpp"

namespace hv {

// Returns how many discrepancies there are.
std::uint64_t audit_machine(std::span<FrameAccount> accounts, AuditReport report);

}  // namespace hv
