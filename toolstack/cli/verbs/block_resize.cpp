#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain, target, size;
    bool no_wait = false;
};

Result<void> resize(Context& context, const Arguments& arguments) {
    const auto bytes = parse_bytes(arguments.size);
    if (!bytes || *bytes == 0)
        return fail(ExitCode::Usage, "block-resize: SIZE is a size such as 20GiB, not '" + arguments.size + "'");
    JobId job = TRY(TRY(context.manager())->resize_disk(arguments.domain, arguments.target, *bytes));
    return follow_job(context, job, arguments.no_wait, OnInterrupt::LeaveJob);
}

}  // namespace

void add_block_resize(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("block-resize", Topic::Disks, "make a disk of a running domain larger");
    verb.description =
        "Makes the file behind a disk larger, while the guest uses it. The guest sees the new size with its next "
        "request "
        "to the disk; the file system in it is the guest's to grow (resize2fs, xfs_growfs).\n"
        "A block device is made larger by what made it, such as lvextend, and the guest sees that by itself.";
    verb.examples = "hvctl block-resize web1 xvda 20GiB";
    verb.positional("DOMAIN", Complete::Guest, arguments->domain, "name, id or UUID");
    verb.positional("TARGET", Complete::Nothing, arguments->target, "the disk's name in the guest");
    verb.positional("SIZE", Complete::Nothing, arguments->size, "its new size, such as 20GiB");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return resize(context, *arguments); };
}

}  // namespace hvctl::cli
