// The verbs of volumes. "hvctl volume create" is "hvctl volume-create", as with all verbs of two words.
#include <algorithm>
#include <filesystem>

#include "json.hpp"
#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

constexpr const char* kVolume = "its name, or POOL/NAME";

struct Arguments {
    std::string pool, volume, size, file, format = "raw";
    bool json = false, no_wait = false;
};
using SharedArguments = std::shared_ptr<Arguments>;

Table table_of(const Volumes& all) {
    Table table({{"Volume"},
                 {"Size", Align::Right},
                 {"Taken", Align::Right},
                 {.title = "Domains", .optional = true},
                 {.title = "Path", .optional = true}});
    for (const Properties& volume : all.volumes) {
        const std::string domains = join(volume.texts("domains"), " ");
        table.add({{volume.text("pool") + "/" + volume.text("name")},
                   {format_bytes(volume.number("bytes"))},
                   {format_bytes(volume.number("allocated_bytes"))},
                   {domains.empty() ? "-" : domains},
                   {volume.text("path")}});
    }
    return table;
}

Result<void> list(Context& context, const Arguments& arguments) {
    const Volumes all = TRY(TRY(context.manager())->list_volumes(arguments.pool));
    if (arguments.json) {
        JsonDocument document;
        document.add("pools", all.pools);
        document.add("volumes", all.volumes);
        print(document.text());
        return {};
    }
    print(table_of(all).render(context.out));
    std::string trouble;
    for (const Properties& pool : all.pools) {
        if (!pool.has("trouble")) continue;
        trouble += (trouble.empty() ? "" : "\n") + pool.text("name") + ": " + pool.text("trouble");
    }
    if (!trouble.empty()) return fail(ExitCode::Failed, trouble);
    return {};
}

Result<std::uint64_t> bytes_of(const char* verb, const std::string& size) {
    const auto bytes = parse_bytes(size);
    if (bytes && *bytes != 0) return *bytes;
    return fail(ExitCode::Usage, std::string(verb) + ": SIZE is a size such as 20GiB, not '" + size + "'");
}

Verb& add_job_verb(App& app, const char* name, const char* summary, const SharedArguments& arguments) {
    Verb& verb = app.verb(name, Topic::Disks, summary);
    verb.positional("VOLUME", Complete::Nothing, arguments->volume, kVolume);
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    return verb;
}

void add_volume_list(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("volume-list", Topic::Disks, "list volumes");
    verb.description =
        "Lists the volumes of all pools, or of one: their sizes, what they take of their pools, and the domains whose "
        "definitions have them. With --json also the pools, and how much is free in them.";
    verb.examples = "hvctl volume-list\nhvctl volume-list fast --json";
    verb.positional("POOL", Complete::Nothing, arguments->pool, "a pool's name", Arity::Optional);
    verb.flag("--json", arguments->json, "everything that is known, in JSON");
    verb.run = [arguments, &context] { return list(context, *arguments); };
}

void add_volume_create(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = add_job_verb(app, "volume-create", "make a volume, for a disk of a domain", arguments);
    verb.description =
        "Makes a volume in a pool of the host's (the key volumes of hvctl.yaml(5)), in the pool default unless one is "
        "named. A guest that is given it, as a disk with volume: NAME, finds zeros there and nothing of anybody "
        "else's.";
    verb.examples = "hvctl volume-create web1 20GiB\nhvctl volume create fast/web1 20GiB";
    verb.positional("SIZE", Complete::Nothing, arguments->size, "such as 20GiB");
    verb.run = [arguments, &context]() -> Result<void> {
        const std::uint64_t bytes = TRY(bytes_of("volume-create", arguments->size));
        JobId job = TRY(TRY(context.manager())->create_volume(arguments->volume, bytes));
        return follow_job(context, job, arguments->no_wait, OnInterrupt::CancelJob);
    };
}

void add_volume_import(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = add_job_verb(app, "volume-import", "make a volume with the content of an image", arguments);
    verb.description =
        "Makes a volume that has what an image has: a file or a block device of Dom0, which stays as it is. Images in "
        "other formats than raw are read by qemu-img (Debian's package qemu-utils), shut off from everything else; "
        "those that are based on other files are refused.";
    verb.examples = "hvctl volume-import web1 debian-12-genericcloud-amd64.qcow2 --format qcow2";
    verb.positional("FILE", Complete::File, arguments->file, "the image");
    verb.value("--format", "FORMAT", arguments->format, "raw (the default), qcow2, vmdk, vhdx, vhd or vdi");
    verb.run = [arguments, &context]() -> Result<void> {
        const std::string file = std::filesystem::absolute(arguments->file).string();
        JobId job = TRY(TRY(context.manager())->import_volume(arguments->volume, file, arguments->format));
        return follow_job(context, job, arguments->no_wait, OnInterrupt::CancelJob);
    };
}

void add_volume_resize(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = add_job_verb(app, "volume-resize", "make a volume larger", arguments);
    verb.description =
        "Makes a volume larger. Where a guest that runs has it, that sees the new size with its next request to the "
        "disk; only a thick volume of LVM cannot grow under a guest. What the volume gains is zeros. The file system "
        "in it is the guest's to grow.";
    verb.examples = "hvctl volume-resize web1 40GiB";
    verb.positional("SIZE", Complete::Nothing, arguments->size, "its new size, such as 40GiB");
    verb.run = [arguments, &context]() -> Result<void> {
        const std::uint64_t bytes = TRY(bytes_of("volume-resize", arguments->size));
        JobId job = TRY(TRY(context.manager())->resize_volume(arguments->volume, bytes));
        return follow_job(context, job, arguments->no_wait, OnInterrupt::LeaveJob);
    };
}

void add_volume_delete(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = add_job_verb(app, "volume-delete", "erase a volume", arguments);
    verb.description =
        "Erases a volume that no domain has, and gives its room back: all that was in it is written over with zeros, "
        "or, in a thin pool, discarded. That cannot be undone or called off.";
    verb.examples = "hvctl volume-delete web1";
    verb.run = [arguments, &context]() -> Result<void> {
        JobId job = TRY(TRY(context.manager())->delete_volume(arguments->volume));
        return follow_job(context, job, arguments->no_wait, OnInterrupt::LeaveJob);
    };
}

}  // namespace

void add_volumes(App& app, Context& context) {
    add_volume_list(app, context);
    add_volume_create(app, context);
    add_volume_import(app, context);
    add_volume_resize(app, context);
    add_volume_delete(app, context);
}

}  // namespace hvctl::cli
