// Domains that start with the host.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/files.hpp"
#include "base/log.hpp"
#include "config/yaml_tree.hpp"
#include "domain/manager.hpp"

namespace hvctld {
namespace {

constexpr const char* kAutostartFact = "autostart";

}  // namespace

void Manager::autostart(const std::string& folder) {
    // A restart of the daemon must not start what an administrator has shut down.
    if (registry_.fact(kAutostartFact) == paths_.boot_id) return;
    std::vector<std::string> files;
    std::error_code problem;
    for (std::filesystem::directory_iterator at{folder, problem}, end; !problem && at != end; at.increment(problem)) {
        if (at->path().extension() == ".yaml") files.push_back(at->path().string());
    }
    if (problem && problem != std::errc::no_such_file_or_directory)
        log::error("autostart: {}: {}", folder, problem.message());
    std::ranges::sort(files);
    std::vector<std::string> seen;
    for (const std::string& file : files) {
        const auto text = read_text_file(file, config::kMaxYamlBytes);
        if (!text) {
            log::error("autostart: {}", text.error().text());
            continue;
        }
        std::vector<std::string> warnings;
        const auto definition = read_definition(*text, file, {}, settings_.defaults, warnings);
        if (!definition) {
            log::error("autostart: {}", definition.error().text());
            continue;
        }
        seen.push_back(definition->name);
        const auto found = domains_.find(definition->name);
        const bool runs = found != domains_.end() && (found->second->in_hv() || found->second->job != 0);
        if (!definition->autostart || runs) continue;
        if (const auto job = create(*text, file, {}, {.patient = true}); !job)
            log::error("autostart: {}", job.error().text());
    }
    // Definitions that were given to `create` and not put into a file.
    for (const auto& [name, domain] : domains_) {
        if (!domain->definition.autostart || domain->in_hv() || domain->job != 0 || std::ranges::count(seen, name) != 0)
            continue;
        if (const auto job = start(name, false, true); !job) log::error("autostart: {}", job.error().text());
    }
    // Comes into the file behind the records of these starts: who is killed before that begins again.
    (void)registry_.set_fact(kAutostartFact, paths_.boot_id);
}

}  // namespace hvctld
