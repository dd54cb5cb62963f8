#include "hv/x86/leaks/spec_ctrl.hpp"

namespace hv::x86 {
namespace {

struct SwitchWord {
    std::string_view name;
    Choice LeakOptions::*choice;
};
constexpr SwitchWord kSwitches[] = {
    {"ibrs", &LeakOptions::ibrs},
    {"stibp", &LeakOptions::stibp},
    {"ibpb", &LeakOptions::ibpb},
    {"ssbd", &LeakOptions::ssbd},
    {"psfd", &LeakOptions::psfd},
    {"l1d-flush", &LeakOptions::l1d_flush},
    {"branch-harden", &LeakOptions::branch_barriers},
    {"unpriv-mmio", &LeakOptions::unprivileged_mmio},
    {"div-scrub", &LeakOptions::divider_scrub},
    {"bhi-dis-s", &LeakOptions::history_hardware},
    {"bp-spec-reduce", &LeakOptions::reduced_speculation},
    {"return-thunk", &LeakOptions::return_thunk},
};

struct GuestWord {
    std::string_view name;
    GuestChoice LeakOptions::*choice;
};
constexpr GuestWord kGuestWords[] = {
    {"msr-sc", &LeakOptions::spec_ctrl},
    {"rsb", &LeakOptions::return_stack},
    {"verw", &LeakOptions::verw},
    {"md-clear", &LeakOptions::verw},
    {"ibpb-entry", &LeakOptions::ibpb_entry},
    {"bhb-entry", &LeakOptions::history_entry},
};

// Words of which hv can only do one thing.
struct FixedWord {
    std::string_view name;
    bool is;
    std::string_view why_not;
};
constexpr FixedWord kFixedWords[] = {
    {"eager-fpu", true, "spec-ctrl: hv never keeps one guest's FPU state while another runs"},
    {"gds-mit", true, "spec-ctrl: the microcode does this, and hv only sees to it that it may"},
    {"srb-lock", true, "spec-ctrl: the microcode does this, and hv only sees to it that it may"},
    {"lock-harden", false, "spec-ctrl: hv has no barriers in its locks"},
};

constexpr std::string_view kMalformed = "spec-ctrl: malformed value", kUnknown = "spec-ctrl: unknown word";

void turn_hv_off(LeakOptions& options) {
    for (GuestChoice LeakOptions::*choice :
         {&LeakOptions::return_stack, &LeakOptions::verw, &LeakOptions::ibpb_entry, &LeakOptions::history_entry})
        options.*choice = {false, false};
    for (const SwitchWord& word : kSwitches) options.*word.choice = false;
    options.thunk = Thunk::Jump;
    options.rest = false;
}

// What other options say stays as far as they have said it before.
void turn_all_off(LeakOptions& options) {
    turn_hv_off(options);
    options.spec_ctrl = {false, false};
    for (Choice LeakOptions::*choice :
         {&LeakOptions::isolate_dom0, &LeakOptions::isolate_domu, &LeakOptions::l1tf_dom0, &LeakOptions::l1tf_domu})
        if (!(options.*choice)) options.*choice = false;
    if (!options.siblings) options.siblings = true;
}

// "pv", "no-hvm", "hvm=yes" after the name of a guest word; or a switch for both.
bool apply_guest_word(GuestChoice& choice, const OptionWord& word) {
    if (const Choice both = word.as_bool()) {
        choice = {both, both};
        return true;
    }
    const OptionWord guest{word.value.value_or("")};
    const Choice wanted = guest.as_bool();
    if (!wanted || (guest.name != "pv" && guest.name != "hvm")) return false;
    (guest.name == "pv" ? choice.pv : choice.hvm) = wanted;
    return true;
}

bool apply_thunk(LeakOptions& options, const OptionWord& word) {
    if (word.value == "retpoline") {
        options.thunk = Thunk::Retpoline;
    } else if (word.value == "lfence") {
        options.thunk = Thunk::Lfence;
    } else if (word.value == "jmp") {
        options.thunk = Thunk::Jump;
    } else {
        return false;
    }
    return true;
}

}  // namespace

std::string_view apply_spec_ctrl_word(LeakOptions& options, std::string_view text) {
    if (text.empty()) return "spec-ctrl: a word is missing";
    if (const Choice all = parse_bool(text)) {
        if (*all) return "spec-ctrl: there is no such thing as all mitigations";
        turn_all_off(options);
        return {};
    }
    const OptionWord word{text};
    const Choice wanted = word.as_bool();
    if (word.name == "xen") {
        if (!wanted) return kMalformed;
        if (*wanted) return "spec-ctrl: this can only be turned off";
        turn_hv_off(options);
        return {};
    }
    if (word.name == "pv" || word.name == "hvm") {
        if (!wanted) return kMalformed;
        for (const GuestWord& each : kGuestWords)
            (word.name == "pv" ? (options.*each.choice).pv : (options.*each.choice).hvm) = wanted;
        return {};
    }
    if (word.name == "bti-thunk") return apply_thunk(options, word) ? std::string_view{} : kMalformed;
    for (const GuestWord& each : kGuestWords)
        if (each.name == word.name)
            return apply_guest_word(options.*each.choice, word) ? std::string_view{} : kMalformed;
    for (const FixedWord& each : kFixedWords)
        if (each.name == word.name)
            return !wanted ? kMalformed : *wanted == each.is ? std::string_view{} : each.why_not;
    for (const SwitchWord& each : kSwitches) {
        if (each.name != word.name) continue;
        if (!wanted) return kMalformed;
        options.*each.choice = wanted;
        return {};
    }
    return kUnknown;
}

}  // namespace hv::x86
