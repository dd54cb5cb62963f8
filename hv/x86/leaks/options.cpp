#include "hv/x86/leaks/options.hpp"

#include "hv/x86/leaks/spec_ctrl.hpp"

namespace hv::x86 {
namespace {

struct Wrong {
    std::string_view unknown, malformed;
};
constexpr Wrong kXpti = {"xpti: unknown word", "xpti: malformed value"},
                kPvL1tf = {"pv-l1tf: unknown word", "pv-l1tf: malformed value"};

// A switch for both, or a list with a word for each: xpti=, pv-l1tf=.
std::string_view apply_domain_word(Choice& dom0, Choice& domu, std::string_view text, const Wrong& wrong) {
    if (const Choice both = parse_bool(text)) {
        dom0 = domu = both;
        return {};
    }
    const OptionWord word{text};
    if (word.name != "dom0" && word.name != "domu") return wrong.unknown;
    const Choice wanted = word.as_bool();
    if (!wanted) return wrong.malformed;
    (word.name == "dom0" ? dom0 : domu) = wanted;
    return {};
}

template <class Apply>
void apply_words(std::string_view value, OptionComplaint complain, Apply apply) {
    do {
        const std::string_view word = take_until(value, ',');
        if (const std::string_view wrong = apply(word); !wrong.empty()) complain(word, wrong);
    } while (!value.empty());
}

}  // namespace

bool apply_leak_option(LeakOptions& options, std::string_view name, std::string_view value, OptionComplaint complain) {
    if (name == "spec-ctrl") {
        apply_words(value, complain, [&](std::string_view word) { return apply_spec_ctrl_word(options, word); });
    } else if (name == "xpti") {
        apply_words(value, complain, [&](std::string_view word) {
            if (word == "default") {
                options.isolate_dom0 = options.isolate_domu = std::nullopt;
                return std::string_view{};
            }
            return apply_domain_word(options.isolate_dom0, options.isolate_domu, word, kXpti);
        });
    } else if (name == "pv-l1tf") {
        apply_words(value, complain, [&](std::string_view word) {
            return apply_domain_word(options.l1tf_dom0, options.l1tf_domu, word, kPvL1tf);
        });
    } else if (name == "smt") {
        const Choice wanted = parse_bool(value);
        if (!wanted) complain(value, "smt: malformed value");
        if (wanted) options.siblings = wanted;
    } else {
        return false;
    }
    return true;
}

}  // namespace hv::x86
