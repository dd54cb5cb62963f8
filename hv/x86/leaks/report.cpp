#include "hv/x86/leaks/report.hpp"

#include <algorithm>
#include <cstring>

namespace hv::x86 {
namespace {

using enum Leak;

// What a leak means for the owner of the machine; every leak is in one of these.
struct Consequence {
    Leaks leaks;
    std::string_view text;
};
constexpr Consequence kConsequences[] = {
    {{Meltdown, L1tf}, "a PV guest can read all memory"},
    {{SpectreV1, SpectreV2, Retbleed, Bhi, Its, Srso}, "a guest can make hv read memory for it"},
    {{Mds, MdsOfStoresOnly, Taa, MmioStaleData, Srbds, Rfds, Gds, Tsa, Zenbleed, Divider, FpDivider},
     "a guest can see remains of what others on its core work with"},
    {{Vmscape, SiblingReturns, BarrierLeavesReturns, PostBarrierReturns}, "a guest can steer others on its core"},
    {{StoreBypass}, "guests cannot protect their programs from each other"},
};

class Line {
  public:
    Line& add(std::string_view text) {
        for (char character : text)
            if (used_ < sizeof text_) text_[used_++] = character;
        return *this;
    }
    template <class Set>
    Line& add_names(Set set) {
        bool first = true;
        set.for_each([&](auto member) {
            if (!first) add(", ");
            first = false;
            add(name_of(member));
        });
        return *this;
    }
    std::string_view text() const { return {text_, used_}; }

  private:
    char text_[240];
    std::size_t used_ = 0;
};

template <class Set>
void print_set(PrintLine print, LogLevel level, std::string_view what, Set set) {
    if (!set.empty()) print(level, Line{}.add(what).add(": ").add_names(set).text());
}

void print_by_consequence(PrintLine print, std::string_view what, Leaks leaks) {
    for (const Consequence& consequence : kConsequences) {
        const Leaks these = leaks & consequence.leaks;
        if (these.empty()) continue;
        print(LogLevel::Warning, Line{}.add(what).add(": ").add_names(these).add(": ").add(consequence.text).text());
    }
}

}  // namespace

Standing standing_of(const Mitigations& mitigations, Measures at_work) {
    Standing standing{.missing = mitigations.wanted - at_work - kHvmMeasures,
                      .not_yet = {},
                      .left_open = mitigations.left_open,
                      .unhelped = mitigations.unhelped};
    standing.missing.for_each(
        [&](Measure measure) { standing.not_yet = standing.not_yet | mitigations.reason(measure); });
    return standing;
}

template <class Set>
void NameList::write(Set set) {
    used_ = 0;
    set.for_each([this](auto member) {
        const std::string_view separator = used_ == 0 ? "" : ", ";
        for (std::string_view part : {separator, name_of(member)}) {
            const std::size_t length = std::min(part.size(), kCapacity - used_);
            std::memcpy(text_.data() + used_, part.data(), length);
            used_ += length;
        }
    });
}

void NameList::assign(Leaks leaks) {
    write(leaks);
}

void NameList::assign(Measures measures) {
    write(measures);
}

void write_texts(LeakTexts& texts, const Mitigations& mitigations, Measures at_work) {
    const Standing standing = standing_of(mitigations, at_work);
    texts.leaks.assign(mitigations.leaks);
    texts.at_work.assign(mitigations.wanted & at_work);
    texts.open.assign(standing.not_yet | standing.left_open | standing.unhelped);
}

void report(const Mitigations& mitigations, Measures at_work, PrintLine print) {
    const Standing standing = standing_of(mitigations, at_work);
    print_set(print, LogLevel::Info, "this processor suffers from", mitigations.leaks);
    print_by_consequence(print, "not mitigated yet", standing.not_yet);
    print_set(print, LogLevel::Warning, "left open by the command line", standing.left_open);
    print_set(print, LogLevel::Warning, "nothing helps without newer microcode against", standing.unhelped);
    print_set(print, LogLevel::Warning, "command line: hv cannot do this yet", mitigations.asked & standing.missing);
    print_set(print, LogLevel::Warning, "command line: the processor cannot do this", mitigations.impossible);
    (mitigations.wanted - kHvmMeasures).for_each([&](Measure measure) {
        const Leaks reason = mitigations.reason(measure);
        Line line;
        line.add(standing.missing.has(measure) ? "wanted: " : "at work: ").add(name_of(measure));
        reason.empty() ? line.add(", as the command line asks") : line.add(", against ").add_names(reason);
        print(LogLevel::Debug, line.text());
    });
}

}  // namespace hv::x86
