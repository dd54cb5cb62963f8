#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain;
    std::vector<std::string> targets;
    bool force = false, no_wait = false;
};

Result<void> detach(Context& context, const Arguments& arguments) {
    TRY(context.manager());
    Properties options;
    if (arguments.force) options["force"] = true;
    return for_each_word(arguments.targets, [&](const std::string& target) -> Result<void> {
        JobId job = TRY(TRY(context.manager())->detach_disk(arguments.domain, target, options));
        return follow_job(context, job, arguments.no_wait, OnInterrupt::LeaveJob);
    });
}

}  // namespace

void add_block_detach(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("block-detach", Topic::Disks, "take a disk away from a domain");
    verb.description =
        "Asks a guest to let go of a disk, and takes it away when it has. Unmount it in the guest first: Linux lets go "
        "of "
        "a disk that it has mounted, too, and what it had not written is lost.\n"
        "With --force the guest is not asked. A domain that does not run starts without it.";
    verb.examples = "hvctl block-detach web1 xvdb";
    verb.positional("DOMAIN", Complete::Domain, arguments->domain, "name, id or UUID");
    verb.positionals_of("TARGET", Complete::Nothing, arguments->targets, Arity::AtLeastOne,
                        "the disk's name in the guest");
    verb.flag("--force", arguments->force, "do not ask the guest");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return detach(context, *arguments); };
}

}  // namespace hvctl::cli
