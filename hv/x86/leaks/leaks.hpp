// The ways in which processors let one program see another's data through what they do ahead of time, and which of them
// a processor has.
#pragma once

#include <string_view>

#include "hv/base/enum_set.hpp"
#include "hv/x86/leaks/identification.hpp"

namespace hv::x86 {

enum class Leak : std::uint8_t {
    Meltdown,     // RDCL: user code reads supervisor pages
    L1tf,         // entries that are not present still read the cache
    SpectreV1,    // past a bounds check
    SpectreV2,    // indirect branches go where another trained them to
    Retbleed,     // so do returns: AMD's branch type confusion, Intel's returns that look elsewhere than on their stack
    Bhi,          // the history of branches still steers them under enhanced IBRS
    Its,          // branches in the lower half of a cache line take others' targets
    Srso,         // AMD's return stack overflows into what another chose ("inception")
    StoreBypass,  // loads overtake older stores (SSB)
    Mds,          // buffers of the memory pipeline keep data
    MdsOfStoresOnly,  // of these, only the store buffer: needs no care about siblings that run, only about those that
                      // idle
    Taa,              // aborted transactions read these buffers
    MmioStaleData,    // reads of devices return what was left in buffers
    Srbds,            // so do RDRAND and its kin
    Rfds,             // registers of the small cores' vector file
    Gds,              // gather instructions read stale vector registers ("downfall")
    Tsa,              // AMD's loads that complete falsely show what was stored or loaded before
    Zenbleed,         // stale halves of vector registers
    Divider,          // Zen 1's divider keeps the last quotient
    FpDivider,        // and its floating-point unit the last operands
    Vmscape,          // branches of a guest steer a device model's
    SiblingReturns,   // a sibling that goes to sleep leaves its return addresses to the other
    BarrierLeavesReturns,  // IBPB does not empty the return stack
    PostBarrierReturns,    // a return after a VM exit uses the guest's entry (PBRSB)
};
inline constexpr unsigned kLeakCount = 24;
using Leaks = EnumSet<Leak>;

std::string_view name_of(Leak leak);

// From what the processor says, and from the vendors' lists of models where it is too old to say. With `siblings`
// cleared in `id`, what remains when threads of a core are not used together.
Leaks leaks_of(const Identification& id);

}  // namespace hv::x86
