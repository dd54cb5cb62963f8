// The verbs of CPU pools, with xl's names.
#include <algorithm>

#include "json.hpp"
#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> pools;
    std::string first, second;
    bool json = false;
};

Result<void> list(Context& context, const Arguments& arguments) {
    std::vector<Properties> pools = TRY(TRY(context.manager())->list_pools());
    for (const std::string& wanted : arguments.pools) {
        const auto named = [&](const Properties& pool) { return pool.text("name") == wanted; };
        if (std::ranges::none_of(pools, named))
            return fail(ExitCode::NotFound, "there is no CPU pool '" + wanted + "'; 'hvctl cpupool-list' shows all");
    }
    if (!arguments.pools.empty()) {
        std::erase_if(pools, [&](const Properties& pool) {
            return std::ranges::find(arguments.pools, pool.text("name")) == arguments.pools.end();
        });
    }
    if (arguments.json) {
        JsonDocument document;
        document.add("pools", pools);
        print(document.text());
        return {};
    }
    Table table({{"Name"}, {"CPUs", Align::Right}, {"List"}, {.title = "Domains", .optional = true}});
    for (const Properties& pool : pools) {
        const std::string cpus = pool.text("cpus");
        table.add({{pool.text("name")},
                   {std::to_string(pool.number("count"))},
                   {cpus.empty() ? "-" : cpus},
                   {join(pool.texts("domains"), " ")}});
    }
    print(table.render(context.out));
    return {};
}

using Change = Result<void> (Manager::*)(const std::string&, const std::string&);

// A verb that takes two words and changes something with them.
Verb& add_change(App& app, Context& context, const char* name, const char* summary, Change change,
                 const std::shared_ptr<Arguments>& arguments) {
    Verb& verb = app.verb(name, Topic::Resources, summary);
    verb.run = [arguments, &context, change]() -> Result<void> {
        return (TRY(context.manager())->*change)(arguments->first, arguments->second);
    };
    return verb;
}

void add_cpupool_list(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("cpupool-list", Topic::Resources, "list CPU pools");
    verb.description =
        "Lists the CPU pools, or the named ones, with their CPUs and the domains in them. Pool-0 is always there: it "
        "has Domain-0, every domain that names no pool, and all CPUs that no other pool has.";
    verb.examples = "hvctl cpupool-list\nhvctl cpupool-list --json";
    verb.positionals_of("POOL", Complete::Nothing, arguments->pools, Arity::Any, "its name");
    verb.flag("--json", arguments->json, "in JSON");
    verb.run = [arguments, &context] { return list(context, *arguments); };
}

void add_cpupool_create(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = add_change(app, context, "cpupool-create", "make a CPU pool", &Manager::create_pool, arguments);
    verb.description =
        "Makes a pool of CPUs, which it takes from Pool-0: domains that are put into it run there alone, and no other "
        "domain does. It is there again when the host has rebooted.";
    verb.examples = "hvctl cpupool-create batch 2-3";
    verb.positional("POOL", Complete::Nothing, arguments->first, "the name of the new pool");
    verb.positional("CPUS", Complete::Nothing, arguments->second, "its CPUs, such as 2-3,6");
}

void add_cpupool_destroy(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("cpupool-destroy", Topic::Resources, "remove a CPU pool");
    verb.description = "Removes a pool in which no domain is. Its CPUs go to Pool-0.";
    verb.examples = "hvctl cpupool-destroy batch";
    verb.positional("POOL", Complete::Nothing, arguments->first, "its name");
    verb.run = [arguments, &context]() -> Result<void> {
        return TRY(context.manager())->destroy_pool(arguments->first);
    };
}

void add_cpupool_rename(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb =
        add_change(app, context, "cpupool-rename", "give a CPU pool another name", &Manager::rename_pool, arguments);
    verb.description = "Gives a pool another name, in the definitions of the domains in it, too.";
    verb.examples = "hvctl cpupool-rename batch night";
    verb.positional("POOL", Complete::Nothing, arguments->first, "its name");
    verb.positional("NEW", Complete::Nothing, arguments->second, "its new name");
}

void add_cpupool_cpu_add(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb =
        add_change(app, context, "cpupool-cpu-add", "give a CPU pool more CPUs", &Manager::add_pool_cpus, arguments);
    verb.description = "Gives a pool CPUs that Pool-0 can spare, or that are in no pool.";
    verb.examples = "hvctl cpupool-cpu-add batch 4-5";
    verb.positional("POOL", Complete::Nothing, arguments->first, "its name");
    verb.positional("CPUS", Complete::Nothing, arguments->second, "such as 4-5");
}

void add_cpupool_cpu_remove(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = add_change(app, context, "cpupool-cpu-remove", "take CPUs out of a CPU pool",
                            &Manager::remove_pool_cpus, arguments);
    verb.description =
        "Takes CPUs out of a pool: they go to Pool-0. Those that are taken out of Pool-0 are in no pool, and nothing "
        "runs on them.";
    verb.examples = "hvctl cpupool-cpu-remove batch 5";
    verb.positional("POOL", Complete::Nothing, arguments->first, "its name");
    verb.positional("CPUS", Complete::Nothing, arguments->second, "such as 4-5");
}

void add_cpupool_migrate(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb =
        add_change(app, context, "cpupool-migrate", "put a domain into a CPU pool", &Manager::set_pool, arguments);
    verb.description =
        "Puts a domain into another pool, at once and for good. Domain-0 stays in Pool-0. What its hard affinity "
        "names outside of the pool does not count; if that is all of it, it may use the whole pool.";
    verb.examples = "hvctl cpupool-migrate web1 batch";
    verb.positional("DOMAIN", Complete::Domain, arguments->first, "name, id or UUID");
    verb.positional("POOL", Complete::Nothing, arguments->second, "the pool's name");
}

}  // namespace

void add_cpupools(App& app, Context& context) {
    add_cpupool_list(app, context);
    add_cpupool_create(app, context);
    add_cpupool_destroy(app, context);
    add_cpupool_rename(app, context);
    add_cpupool_cpu_add(app, context);
    add_cpupool_cpu_remove(app, context);
    add_cpupool_migrate(app, context);
}

}  // namespace hvctl::cli
