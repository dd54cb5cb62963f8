#include "domain/autostart.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/files.hpp"
#include "base/log.hpp"
#include "config/yaml_tree.hpp"

namespace hvctld {
namespace {

constexpr const char* kAutostartFact = "autostart";

// The definitions of the folder's files, in the order of their names, each with its text and the file.
struct FileDefinition {
    std::string file;
    std::string text;
    config::DomainDefinition definition;
};

std::vector<FileDefinition> read_folder(const std::string& folder, const config::DomainDefaults& defaults) {
    std::vector<std::string> files;
    std::error_code problem;
    for (std::filesystem::directory_iterator at{folder, problem}, end; !problem && at != end; at.increment(problem)) {
        if (at->path().extension() == ".yaml") files.push_back(at->path().string());
    }
    if (problem && problem != std::errc::no_such_file_or_directory)
        log::error("autostart: {}: {}", folder, problem.message());
    std::ranges::sort(files);
    std::vector<FileDefinition> found;
    for (const std::string& file : files) {
        const auto text = read_text_file(file, config::kMaxYamlBytes);
        if (!text) {
            log::error("autostart: {}", text.error().text());
            continue;
        }
        std::vector<std::string> warnings;
        auto definition = read_definition(*text, file, {}, defaults, warnings);
        if (definition) {
            found.push_back({file, *text, std::move(*definition)});
        } else {
            log::error("autostart: {}", definition.error().text());
        }
    }
    return found;
}

// The domain is this file's, which reads as it did then: what has been changed while it ran is newer.
bool has_not_changed(const Domain* domain, const FileDefinition& file) {
    return domain != nullptr && !domain->record.draft && domain->record.source == file.file &&
           domain->record.source_hash == config::stable_hash(file.text);
}

// The name that the domain of a file has been given since; empty: it has that of the file.
std::string renamed(Domains& domains, const FileDefinition& file) {
    if (domains.named(file.definition.name) != nullptr) return {};
    for (const Domain* domain : domains.all()) {
        if (has_not_changed(domain, file)) return domain->record.name;
    }
    return {};
}

bool runs_already(const Domain* domain) {
    return domain != nullptr && (domain->in_hv() || domain->job != 0);
}

}  // namespace

void autostart(Context& context, Domains& domains, Definitions& definitions, Starts& starts,
               const std::string& folder) {
    // A restart of the daemon must not start what an administrator has shut down; without its records it cannot tell.
    if (context.registry.stands_in()) return;
    const std::string& boot = context.paths.boot_id;
    // Said in a place of its own when, and not before, the registry's file has it: this one outlives that file.
    const auto mark = [&] {
        (void)context.retry.when_written(
            [path = context.paths.autostarted, boot] { std::ofstream{path} << boot << '\n'; });
    };
    const std::string last = context.registry.fact(kAutostartFact);
    if (last == boot) return mark();
    // The registry has begun anew since: which guests an administrator has shut down is not known any more.
    if (last.empty() && first_line(context.paths.autostarted) == boot) {
        log::error(
            "autostart: not repeated, though the registry has begun anew: the guests of this boot run or have been "
            "ended; 'hvctl create FILE' starts one that is missing");
        (void)context.registry.set_fact(kAutostartFact, boot);
        return;
    }
    std::vector<std::string> seen;
    for (const FileDefinition& each : read_folder(folder, context.settings.defaults)) {
        if (const std::string now = renamed(domains, each); !now.empty()) {
            log::warning("autostart: {}: its domain {} is called {} now; write that name into the file", each.file,
                         each.definition.name, now);
            continue;
        }
        seen.push_back(each.definition.name);
        if (!each.definition.autostart || runs_already(domains.named(each.definition.name))) continue;
        const auto job = has_not_changed(domains.named(each.definition.name), each)
                             ? starts.start(each.definition.name, {.patient = true})
                             : definitions.create(each.text, each.file, {}, {.patient = true});
        if (!job) log::error("autostart: {}", job.error().text());
    }
    // Definitions that were given to `create` and not put into a file.
    for (const Domain* domain : domains.all()) {
        const std::string name = domain->record.name;
        if (!domain->definition.autostart || runs_already(domain) || std::ranges::count(seen, name) != 0) continue;
        if (const auto job = starts.start(name, {.patient = true}); !job)
            log::error("autostart: {}", job.error().text());
    }
    // Written to the file after the records of these starts: a daemon that is killed before begins again.
    (void)context.registry.set_fact(kAutostartFact, boot);
    mark();
}

}  // namespace hvctld
