#include <limits>

#include "text.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain, count;
};

Result<void> set(Context& context, const Arguments& arguments) {
    const auto count = parse_number(arguments.count);
    if (!count || *count == 0 || *count > std::numeric_limits<std::uint32_t>::max())
        return fail(ExitCode::Usage, "vcpu-set: COUNT is a number of vCPUs, not '" + arguments.count + "'");
    return TRY(context.manager())->set_vcpus(arguments.domain, static_cast<std::uint32_t>(*count));
}

}  // namespace

void add_vcpu_set(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("vcpu-set", Topic::Resources, "choose how many vCPUs a domain has online");
    verb.description =
        "Asks the guest to bring vCPUs online, or to take some offline, until COUNT are: up to its max_vcpus. 'hvctl "
        "vcpu-list' shows what it has done.\n"
        "It is remembered; a domain that does not run has it from its next start on.";
    verb.examples = "hvctl vcpu-set web1 4";
    verb.positional("DOMAIN", Complete::Domain, arguments->domain, "name, id or UUID");
    verb.positional("COUNT", Complete::Nothing, arguments->count, "how many are to be online");
    verb.run = [arguments, &context] { return set(context, *arguments); };
}

}  // namespace hvctl::cli
