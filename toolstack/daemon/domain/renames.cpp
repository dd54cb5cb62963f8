#include "domain/renames.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "config/values.hpp"
#include "devices/guest_console.hpp"
#include "domain/remembering.hpp"
#include "domain/store_entries.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kRenamingFact = "renaming";
constexpr char kBetween = '/';  // in no name

}  // namespace

Result<void> Renames::require_settled(const Registry& registry, std::string_view name) {
    const std::string text = registry.fact(kRenamingFact);
    const std::size_t end = text.find(kBetween);
    if (end == std::string::npos || text.substr(0, end) != name) return {};
    return fail(ErrorId::Busy,
                fmt::format("{} is being renamed to {}; try again in a moment", name, text.substr(end + 1)));
}

Renames::Note Renames::note() const {
    const std::string text = context_.registry.fact(kRenamingFact);
    const std::size_t end = text.find(kBetween);
    if (end == std::string::npos) return {};
    return {text.substr(0, end), text.substr(end + 1)};
}

void Renames::set_note(const Note& note) {
    (void)context_.registry.set_fact(kRenamingFact,
                                     note.now.empty() ? std::string{} : note.before + kBetween + note.now);
}

Result<void> Renames::check(const Domain& domain, const std::string& name) {
    TRY(work_.admit(domain, Verb::Rename));
    TRY(work_.host_stays(Verb::Rename));
    TRY(Work::require_whole(domain));
    if (const std::string problem = config::problem_with_name(name); !problem.empty())
        return fail(ErrorId::InvalidArgument, problem);
    if (domains_.named(name) != nullptr)
        return fail(ErrorId::NameTaken, fmt::format("there is a domain {} already; choose another name", name));
    TRY(require_registry(context_.registry));
    if (const auto& trouble = context_.registry.trouble()) return std::unexpected(*trouble);
    if (const Note before = note(); !before.now.empty()) {
        return fail(ErrorId::Busy,
                    fmt::format("{} is being renamed to {}; try again in a moment", before.before, before.now));
    }
    return {};
}

Result<void> Renames::rename(const std::string& text, const std::string& name) {
    Domain* domain = TRY(domains_.find(text));
    TRY(check(*domain, name));
    const Note note{domain->record.name, name};
    // What is made from the name when it is not said stays what it was.
    for (std::size_t i = 0; i < domain->definition.nics.size(); ++i) {
        auto& mac = domain->definition.nics[i].mac;
        if (!mac) mac = context_.nic_claims.make_mac(context_.paths.machine_id, note.before, i);
    }
    if (auto& cloud_init = domain->definition.cloud_init; cloud_init && cloud_init->hostname.empty())
        cloud_init->hostname = note.before;
    domain->definition.name = name;
    domain->record.definition = normalised(domain->definition);
    set_note(note);
    domains_.rename(*domain, name);
    log::write(log::Level::Info, {name, 0, {}}, fmt::format("was {} until now", note.before));
    if (context_.registry.waiting() == 0 && !context_.registry.trouble()) {
        settle(note);
    } else {
        context_.retry.when_written([this, note, weak = std::weak_ptr{context_.alive}] {
            if (!weak.expired()) settle(note);
        });
    }
    return {};
}

// The claims of devices follow their domain at once: a process that comes later reads those of images from the store.
void Renames::tell_store(const Domain& domain) {
    const std::string home = domain_path(domain.record.instance.domid);
    for (const std::string& path : {home + "/name", "/vm/" + domain.record.uuid + "/name"}) {
        if (context_.store.exists(path)) (void)context_.store.write(path, domain.record.name);
    }
    for (const char* kind : {"vif", "vbd"}) {
        const std::string backends =
            fmt::format("{}/backend/{}/{}", domain_path(0), kind, domain.record.instance.domid);
        for (const std::string& device : context_.store.list(backends).value_or(std::vector<std::string>{})) {
            const std::string path = fmt::format("{}/{}/domain", backends, device);
            if (context_.store.exists(path)) (void)context_.store.write(path, domain.record.name);
        }
    }
}

// The registry's file has the new name.
void Renames::settle(const Note& note) {
    context_.claims.rename(note.before, note.now);
    if (const Domain* renamed = domains_.named(note.now); renamed != nullptr && renamed->in_hv()) tell_store(*renamed);
    if (Domain* domain = domains_.named(note.now); domain != nullptr && domain->console) {
        domain->console->rename(context_.paths.console, note.now);
    } else {
        context_.console_disk.run(
            DiskThread::Wait::IfQuick,
            [paths = context_.paths.console, note] { Console::move_files(paths, note.before, note.now); }, nullptr);
    }
    set_note({});
}

void Renames::recover_files() {
    const Note left = note();
    if (left.now.empty()) return;
    if (domains_.named(left.now) != nullptr) Console::move_files(context_.paths.console, left.before, left.now);
}

void Renames::recover_rest() {
    const Note left = note();
    if (left.now.empty()) return;
    if (const Domain* domain = domains_.named(left.now)) {
        context_.claims.rename(left.before, left.now);
        if (domain->in_hv()) tell_store(*domain);
    }
    set_note({});
}

}  // namespace hvctld
