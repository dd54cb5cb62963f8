#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain, size;
};

Result<void> set(Context& context, const Arguments& arguments) {
    const auto bytes = parse_bytes(arguments.size);
    if (!bytes || *bytes == 0)
        return fail(ExitCode::Usage, "mem-max: SIZE is a size such as 2GiB, not '" + arguments.size + "'");
    const bool now = TRY(TRY(context.manager())->set_max_memory(arguments.domain, *bytes));
    if (!now) print(arguments.domain + " can have more than it has started with when it starts again\n");
    return {};
}

}  // namespace

void add_mem_max(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("mem-max", Topic::Resources, "choose up to where a domain's memory may grow");
    verb.description =
        "Sets a domain's max_memory, up to which 'hvctl mem-set' may go. A guest makes room for what it is told when "
        "it starts: more than that it can have only from its next start on.";
    verb.examples = "hvctl mem-max web1 2GiB";
    verb.positional("DOMAIN", Complete::Guest, arguments->domain, "name, id or UUID");
    verb.positional("SIZE", Complete::Nothing, arguments->size, "the most that it may have, such as 2GiB");
    verb.run = [arguments, &context] { return set(context, *arguments); };
}

}  // namespace hvctl::cli
