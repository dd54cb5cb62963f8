// Which measures make something of the ways into hv and out of it: what the switches of their assembly look at
// (traps/measures.h).
#pragma once

#include "hv/x86/leaks/mitigations.hpp"

namespace hv::x86 {

inline constexpr Measures kIsolate = {Measure::IsolateDomu, Measure::IsolateDom0};
// SPEC_CTRL is written on the way in and out.
inline constexpr Measures kSwitchSpecCtrl = {Measure::Ibrs, Measure::EnhancedIbrs, Measure::Stibp,   Measure::Ssbd,
                                             Measure::Psfd, Measure::BhiHardware,  Measure::SpecCtrl};
inline constexpr Measures kWriteSpecCtrlAlways = {Measure::Ibrs};  // even if it says the same: the write is a barrier
inline constexpr Measures kBarrierOnEntry = {Measure::IbpbOnEntryDomu, Measure::IbpbOnEntryDom0};
inline constexpr Measures kFillReturnsOnEntry = {Measure::FillReturns};
inline constexpr Measures kClearLongHistory = {Measure::BhiLongSequence};
inline constexpr Measures kClearHistory = kClearLongHistory | Measures{Measure::BhiSequence};
inline constexpr Measures kClearBuffers = {Measure::VerwOnExit};
inline constexpr Measures kScrubDivider = {Measure::DividerScrub};

inline constexpr Measures kOnEntry = kIsolate | kSwitchSpecCtrl | kBarrierOnEntry | kFillReturnsOnEntry | kClearHistory;
inline constexpr Measures kOnExit = kIsolate | kSwitchSpecCtrl | kScrubDivider;
inline constexpr Measures kOnCriticalTrap = kOnEntry | kClearBuffers;

}  // namespace hv::x86
