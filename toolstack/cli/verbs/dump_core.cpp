#include <filesystem>

#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain, file;
    bool live = false, crash = false, no_wait = false;
};

Result<void> dump_core(Context& context, const Arguments& arguments) {
    const std::string path =
        arguments.file.empty() ? std::string() : std::filesystem::absolute(arguments.file).lexically_normal().string();
    Properties options;
    if (arguments.live) options["live"] = true;
    if (arguments.crash) options["crash"] = true;
    const CoreDump dump = TRY(TRY(context.manager())->dump_core(arguments.domain, path, options));
    TRY(follow_job(context, dump.job, arguments.no_wait, OnInterrupt::CancelJob));
    if (!arguments.no_wait) print(dump.file + '\n');
    return {};
}

}  // namespace

void add_dump_core(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("dump-core", Topic::Life, "write a guest's memory and registers to a file");
    verb.description =
        "Writes the memory of a guest and the registers of its vCPUs to a file that crash and gdb open, and prints its "
        "name. The guest stands still meanwhile. The file is new, only root can read it, and it is there when it is "
        "whole.\n"
        "Without FILE it is one in /var/lib/hvctl/dumps; the newest three of each domain are kept there.";
    verb.examples = "hvctl dump-core web1\nhvctl dump-core --live web1 /srv/web1.core";
    verb.positional("DOMAIN", Complete::Guest, arguments->domain, "name, id or UUID");
    verb.positional("FILE", Complete::File, arguments->file, "a new file of Dom0", Arity::Optional);
    verb.flag("--live", "-l", arguments->live, "let the guest go on; what it changes meanwhile is there in part");
    verb.flag("--crash", "-c", arguments->crash, "destroy the domain afterwards");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return dump_core(context, *arguments); };
}

}  // namespace hvctl::cli
