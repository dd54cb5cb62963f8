// The parts of decide(), which share their findings.
#pragma once

#include "hv/x86/leaks/mitigations.hpp"

namespace hv::x86 {

class Decider {
  public:
    Decider(const Identification& id, const LeakOptions& options) : id_{id}, options_{options} {}

    void decide_siblings();  // first: without siblings there are fewer leaks
    void decide_tables();
    void decide_branches();
    void decide_entries();
    void decide_buffers();
    void decide_units();
    Mitigations result() const;

  private:
    bool suffers(Leak leak) const { return out_.leaks.has(leak); }
    Leaks of_these(Leaks leaks) const { return out_.leaks & leaks; }

    void want(Measure measure, Leaks against);
    // The command line's choice, or what is done by default; what it refuses of that stays open.
    bool choose(Measure measure, Choice choice, bool by_default, Leaks against);
    // The same, of something that the processor may lack.
    bool choose_able(Measure measure, Choice choice, bool able, bool by_default, Leaks against);
    // Against a leak, where only microcode brings what helps.
    bool choose_helpful(Measure measure, Choice choice, bool able, Leaks against);

    void decide_restriction();
    void decide_switches();
    void decide_history();
    void decide_returns();
    void decide_guest_controls();
    Leaks verw_clears();

    Identification id_;
    const LeakOptions& options_;
    Mitigations out_{};
};

}  // namespace hv::x86
