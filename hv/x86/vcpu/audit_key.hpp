// Debug builds, and the image that ring 2 tests (hv.audited): the audit of the whole machine
// (hv/domain/audit.hpp), with the other CPUs at a standstill.
#pragma once

namespace hv::x86 {

// At bring-up: takes the memory that an audit needs, and makes it a debug key. Nothing
// in other builds, as the one below.
void prepare_audits();
// Audits and logs what was found; the last line counts. An operation that another CPU is in the middle of, waiting for
// a lock, shows as a discrepancy; it is not there the next time.
void audit_and_log();

}  // namespace hv::x86
