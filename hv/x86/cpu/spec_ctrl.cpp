#include "hv/x86/cpu/spec_ctrl.hpp"

#include "hv/x86/cpu/leaks.hpp"

namespace hv::x86 {
namespace {

struct BitOfMeasure {
    Measure measure;
    std::uint64_t bit;
    bool in_guests;  // stays on there: it costs nothing, or is about what one thread does to the other
};
constexpr BitOfMeasure kBits[] = {
    {Measure::Ibrs, kSpecCtrlIbrs, false},  {Measure::EnhancedIbrs, kSpecCtrlIbrs, true},
    {Measure::Stibp, kSpecCtrlStibp, true}, {Measure::Ssbd, kSpecCtrlSsbd, true},
    {Measure::Psfd, kSpecCtrlPsfd, true},   {Measure::BhiHardware, kSpecCtrlBhiDisS, true},
};

constinit std::uint64_t always_on = 0;
constinit bool switched = false;

}  // namespace

constinit std::uint64_t hv_spec_ctrl = 0;

void choose_spec_ctrl() {
    hv_spec_ctrl = always_on = 0;
    for (const BitOfMeasure& each : kBits) {
        if (!at_work(each.measure)) continue;
        hv_spec_ctrl |= each.bit;
        if (each.in_guests) always_on |= each.bit;
    }
    switched = hv_spec_ctrl != 0 || at_work(Measure::SpecCtrl);
}

bool spec_ctrl_switched() {
    return switched;
}

std::uint64_t spec_ctrl_for_guest(std::uint64_t wanted) {
    return wanted | always_on;
}

}  // namespace hv::x86
