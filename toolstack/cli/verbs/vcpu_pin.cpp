#include <limits>

#include "text.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain, vcpu, hard, soft = "-";
};

// "-" leaves an affinity as it is, which the bus calls an empty one.
std::string affinity(const std::string& text) {
    return text == "-" ? "" : text;
}

Result<void> pin(Context& context, const Arguments& arguments) {
    std::int32_t vcpu = -1;
    if (arguments.vcpu != "all") {
        auto number = parse_number(arguments.vcpu);
        if (!number || *number > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max())) {
            return fail(ExitCode::Usage, "vcpu-pin: VCPU is a number or 'all', not '" + arguments.vcpu + "'");
        }
        vcpu = static_cast<std::int32_t>(*number);
    }
    std::string hard = affinity(arguments.hard), soft = affinity(arguments.soft);
    if (hard.empty() && soft.empty())
        return fail(ExitCode::Usage, "vcpu-pin: both affinities are '-': nothing to change");
    return TRY(context.manager())->pin_vcpu(arguments.domain, vcpu, hard, soft);
}

}  // namespace

void add_vcpu_pin(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("vcpu-pin", Topic::Resources, "choose the CPUs that a vCPU may use");
    verb.description =
        "Sets on which CPUs a vCPU may run (hard affinity) and on which it rather runs (soft affinity). The change "
        "acts at "
        "once.\n"
        "A list of CPUs is written as \"0-3,^2\" or \"all\"; - leaves that affinity as it is.";
    verb.examples = "hvctl vcpu-pin web1 0 2\nhvctl vcpu-pin web1 all 0-7 0-3\nhvctl vcpu-pin web1 all - all";
    verb.positional("DOMAIN", Complete::Domain, arguments->domain, "name, id or UUID");
    verb.positional("VCPU", Complete::Nothing, arguments->vcpu, "the vCPU's number, or all");
    verb.positional("HARD", Complete::Nothing, arguments->hard, "CPUs that it may use");
    verb.positional("SOFT", Complete::Nothing, arguments->soft, "CPUs that it prefers", Arity::Optional);
    verb.run = [arguments, &context] { return pin(context, *arguments); };
}

}  // namespace hvctl::cli
