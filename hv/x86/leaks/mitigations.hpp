// What is to be done against a processor's leaks, and why: from the processor and the command line together.
#pragma once

#include <array>

#include "hv/x86/leaks/leaks.hpp"
#include "hv/x86/leaks/options.hpp"

namespace hv::x86 {

enum class Measure : std::uint8_t {
    // Page tables
    IsolateDomu,  // a guest's root table holds of hv only the way in
    IsolateDom0,
    SanitiseDomu,  // no entry that is not present names memory
    SanitiseDom0,
    // Branches
    Barriers,  // where a guest's number chooses what hv reads
    Retpoline,
    LfenceThunk,
    Ibrs,          // set on every way in
    EnhancedIbrs,  // set once
    AutomaticIbrs,
    Stibp,         // siblings do not train each other's branches
    IbpbOnSwitch,  // when a CPU changes vCPUs
    FillOnSwitch,  // the return stack too, where IBPB leaves it
    FillReturns,   // on the way in
    FillReturnsHvm,
    IbpbOnEntryDomu,
    IbpbOnEntryDom0,
    IbpbOnEntryHvm,
    ReducedSpeculation,
    BhiHardware,
    BhiSequence,
    BhiLongSequence,  // for designs that remember more branches
    BhiSequenceHvm,
    SafeThunks,  // branches and returns in the upper half of a cache line
    SpecCtrl,    // guests have SPEC_CTRL, and SSBD with it
    SpecCtrlHvm,
    VirtualSsbd,  // guests have VIRT_SPEC_CTRL
    Ssbd,
    Psfd,
    // Buffers and registers
    VerwOnExit,
    VerwOnExitHvm,
    VerwOnIdle,
    L1dFlushHvm,
    TsxOff,
    SrbLock,       // the microcode's, on unless turned off
    GdsMicrocode,  // so is this
    AvxOff,
    ZenbleedSwitch,
    DividerScrub,
    FpDividerSwitch,
    NonBranchSwitch,  // Zen 2: what is no branch is not predicted to be one
    // Threads that share a core
    SiblingsOff,  // one thread of each core is used: two domains are never on one core at once
};
inline constexpr unsigned kMeasureCount = 42;
using Measures = EnumSet<Measure>;

std::string_view name_of(Measure measure);

// What only concerns guests that have hardware support.
inline constexpr Measures kHvmMeasures = {Measure::FillReturnsHvm, Measure::IbpbOnEntryHvm, Measure::ReducedSpeculation,
                                          Measure::BhiSequenceHvm, Measure::SpecCtrlHvm,    Measure::VerwOnExitHvm,
                                          Measure::L1dFlushHvm};

struct Mitigations {
    Leaks leaks;                               // the processor's, as it will be used
    Measures wanted;                           // everything that is to be done
    Measures asked;                            // of it, what the command line asks for
    Measures impossible;                       // asked for, but the processor cannot; an interpreter can anything
    std::array<Leaks, kMeasureCount> against;  // why each is wanted
    Leaks left_open;                           // by the command line
    Leaks unhelped;                            // nothing helps without newer microcode

    Leaks reason(Measure measure) const { return against[static_cast<unsigned>(measure)]; }
};

Mitigations decide(const Identification& id, const LeakOptions& options);

}  // namespace hv::x86
