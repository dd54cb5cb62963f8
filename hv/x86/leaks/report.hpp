// What the boot log says of leaks.
#pragma once

#include "hv/base/log.hpp"
#include "hv/x86/leaks/mitigations.hpp"

namespace hv::x86 {

// What this hv does, or the processor for it. A measure that is built is added here, and its leaks are reported no
// more.
inline constexpr Measures kAtWork = {Measure::IsolateDomu,
                                     Measure::IsolateDom0,
                                     Measure::SanitiseDomu,
                                     Measure::SanitiseDom0,
                                     Measure::Barriers,
                                     Measure::Retpoline,
                                     Measure::LfenceThunk,
                                     Measure::Ibrs,
                                     Measure::EnhancedIbrs,
                                     Measure::AutomaticIbrs,
                                     Measure::Stibp,
                                     Measure::IbpbOnSwitch,
                                     Measure::FillOnSwitch,
                                     Measure::FillReturns,
                                     Measure::IbpbOnEntryDomu,
                                     Measure::IbpbOnEntryDom0,
                                     Measure::BhiHardware,
                                     Measure::BhiSequence,
                                     Measure::BhiLongSequence,
                                     Measure::SafeThunks,
                                     Measure::SpecCtrl,
                                     Measure::VirtualSsbd,
                                     Measure::Ssbd,
                                     Measure::Psfd,
                                     Measure::VerwOnExit,
                                     Measure::VerwOnIdle,
                                     Measure::TsxOff,
                                     Measure::SrbLock,
                                     Measure::GdsMicrocode,
                                     Measure::ZenbleedSwitch,
                                     Measure::DividerScrub,
                                     Measure::FpDividerSwitch,
                                     Measure::NonBranchSwitch,
                                     Measure::SiblingsOff};

// What remains of the leaks. Measures for guests with hardware support do not count: hv has no such guests.
struct Standing {
    Measures missing;  // wanted, and not at work
    Leaks not_yet;     // what they would close
    Leaks left_open;   // by the command line
    Leaks unhelped;    // by the processor's microcode
};
Standing standing_of(const Mitigations& mitigations, Measures at_work);

// Names of the members of a set, ", " between them.
class NameList {
  public:
    void assign(Leaks leaks);
    void assign(Measures measures);
    std::string_view text() const { return {text_.data(), used_}; }

  private:
    template <class Set>
    void write(Set set);

    static constexpr std::size_t kCapacity = 1280;  // for all of either
    std::array<char, kCapacity> text_{};
    std::size_t used_ = 0;
};

// What a processor leaks, what is done about it, and what is left of it.
struct LeakTexts {
    NameList leaks, at_work, open;
};
void write_texts(LeakTexts& texts, const Mitigations& mitigations, Measures at_work);

// One call a line, none longer than log() takes. Nothing when the processor has no leak and nobody asked for anything.
using PrintLine = void (*)(LogLevel level, std::string_view line);
void report(const Mitigations& mitigations, Measures at_work, PrintLine print);

}  // namespace hv::x86
