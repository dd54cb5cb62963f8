// spec-ctrl=, xpti=, pv-l1tf=, smt=: what the command line says about leaks, in Xen's words and with their meaning
// (hv-command-line(7)). What is not said is decided by the processor (mitigations.hpp).
#pragma once

#include <optional>

#include "hv/base/option_words.hpp"

namespace hv::x86 {

using Choice = std::optional<bool>;

struct GuestChoice {
    Choice pv, hvm;
};

// How hv's own indirect branches are made.
enum class Thunk : std::uint8_t { Retpoline, Lfence, Jump };

struct LeakOptions {
    GuestChoice spec_ctrl;      // msr-sc: guests have SPEC_CTRL
    GuestChoice return_stack;   // rsb: filled on the way in
    GuestChoice verw;           // on the way out
    GuestChoice ibpb_entry;     // on the way in
    GuestChoice history_entry;  // bhb-entry: the sequence that clears the history of branches, on the way in
    std::optional<Thunk> thunk;
    Choice ibrs, stibp, ibpb, ssbd, psfd, l1d_flush, branch_barriers, unprivileged_mmio, divider_scrub,
        history_hardware, reduced_speculation;
    Choice return_thunk;                // hv's returns are in upper halves of cache lines: no word of Xen's
    Choice isolate_dom0, isolate_domu;  // xpti
    Choice l1tf_dom0, l1tf_domu;        // pv-l1tf
    Choice siblings;                    // smt
    Choice rest;                        // what has no word of its own: spec-ctrl=no and spec-ctrl=no-xen turn it off
};

// True when `name` is one of the options above. Words of its value that are unknown, malformed or cannot be honoured go
// to `complain` and change nothing; the others count, a later one over an earlier.
bool apply_leak_option(LeakOptions& options, std::string_view name, std::string_view value, OptionComplaint complain);

}  // namespace hv::x86
