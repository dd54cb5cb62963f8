#include "domain/nic_changes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "config/devices.hpp"
#include "domain/remembering.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

using config::NicDefinition;

namespace {

Result<void> changed(const std::string& change, NicDefinition& nic) {
    config::Diagnostics diagnostics;
    if (config::parse_nic_change(change, "change", nic, diagnostics)) return {};
    return fail(ErrorId::DefinitionInvalid, diagnostics.text());
}

}  // namespace

Result<JobId> NicChanges::attach(const std::string& text, const std::string& nic_text) {
    Domain* domain = TRY(domains_.find_running(text));
    TRY(work_.admit(*domain, Verb::AttachNic));
    TRY(work_.host_stays(Verb::AttachNic));
    TRY(Work::require_whole(*domain));
    TRY(require_registry(context_.registry));
    config::Diagnostics diagnostics;
    const auto parsed = config::parse_nic(nic_text, "nic", diagnostics);
    if (!parsed) return fail(ErrorId::DefinitionInvalid, diagnostics.text());
    const auto nic = std::make_shared<NicDefinition>(*parsed);

    Job& job = work_.begin_change(*domain, Verb::AttachNic);
    job.add({JobPhase::PrepareNic, 10, [domain, nic](Job& running, const Done& done) {
                 // Another one may have come while this one waited.
                 const auto& nics = domain->definition.nics;
                 if (nics.size() >= config::kMostDevices) {
                     return done(
                         fail(ErrorId::LimitReached, fmt::format("{} has {} network interfaces; more are not possible",
                                                                 domain->record.name, nics.size())));
                 }
                 if (nic->mac && std::ranges::count(nics, nic->mac, &NicDefinition::mac) != 0) {
                     return done(
                         fail(ErrorId::AddressTaken, fmt::format("{} has a network interface {} already",
                                                                 domain->record.name, config::format_mac(*nic->mac))));
                 }
                 running.on_failure([domain, nic](Job& failed, const Done& undone) {
                     if (domain->in_hv() && nic->mac) return domain->nics->take_away(*nic)(failed, undone);
                     undone({});
                 });
                 domain->nics->prepare_one(nic)(running, done);
             }});
    job.add({JobPhase::ConnectNic, 40, [domain, nic](Job& running, const Done& done) {
                 const Step step = domain->nics->connect_one(*nic);
                 step(running, done);
             }});
    job.add({JobPhase::WaitForDriver, 60, [this, domain, nic](Job& running, const Done& done) {
                 const auto can_answer = work_.can_answer(*domain);
                 if (!can_answer || !*can_answer)
                     return done(can_answer ? Result<void>{} : std::unexpected(can_answer.error()));
                 const Step step = domain->nics->wait_connected(*nic);
                 step(running, done);
             }});
    job.add({JobPhase::RememberNics, 90, [this, domain, nic](Job& running, const Done& done) {
                 put(*domain, *nic);
                 running.on_failure([this, domain, nic](Job&, const Done& undone) {
                     forget(*domain, *nic);
                     undone({});
                 });
                 remembered(context_, false)(running, done);
             }});
    job.add({JobPhase::RememberNics, 99, immediate([domain, nic](Job& running) -> Result<void> {
                 domain->nics->settle(*nic);
                 running.keep();
                 return {};
             })});
    return work_.go(*domain, job);
}

Result<JobId> NicChanges::detach(const std::string& text, const std::string& which, bool force) {
    Domain* domain = TRY(domains_.find(text));
    TRY(work_.admit(*domain, Verb::DetachNic));
    TRY(Work::require_whole(*domain));
    const auto nic = std::make_shared<NicDefinition>(TRY(domain->nics->find(which)));
    Job& job = work_.begin_change(*domain, Verb::DetachNic);
    if (!domain->in_hv()) {
        job.add({JobPhase::RememberNics, 50, [this, domain, nic](Job& running, const Done& done) {
                     forget(*domain, *nic);
                     running.on_failure([this, domain, nic](Job&, const Done& undone) {
                         domain->definition.nics.push_back(*nic);
                         domains_.save_definition(*domain);
                         undone({});
                     });
                     remembered(context_, false)(running, done);
                 }});
        return work_.go(*domain, job);
    }
    if (!force) {
        job.add({JobPhase::AskForNic, 20, [domain, nic](Job& running, const Done& done) {
                     running.on_failure([domain, nic](Job&, const Done& undone) {
                         if (domain->in_hv()) domain->nics->keep_open(*nic);
                         undone({});
                     });
                     const Step step = domain->nics->wait_closed(*nic);
                     step(running, done);
                 }});
    }
    // What has been taken stays so; a kill does not change that, and neither does a registry that cannot be written.
    job.add({JobPhase::TakeNic, 60, [this, domain, nic](Job& running, const Done& done) {
                 running.keep();
                 running.shield();
                 metering_.last_of(*domain);
                 const Step step = domain->nics->take_away(*nic);
                 step(running, [this, domain, nic, &running, done](const auto& taken) {
                     running.unshield();
                     forget(*domain, *nic);
                     done(taken);
                 });
             }});
    return work_.go(*domain, job);
}

Result<JobId> NicChanges::change(const std::string& text, const std::string& which, const std::string& change) {
    Domain* domain = TRY(domains_.find_running(text));
    TRY(work_.admit(*domain, Verb::ChangeNic));
    TRY(work_.host_stays(Verb::ChangeNic));
    TRY(Work::require_whole(*domain));
    TRY(require_registry(context_.registry));
    // Said at once where it can be; what is true when the job's turn comes counts.
    const auto after = std::make_shared<NicDefinition>(TRY(domain->nics->find(which)));
    TRY(changed(change, *after));

    Job& job = work_.begin_change(*domain, Verb::ChangeNic);
    job.add({JobPhase::ChangeNic, 20, [this, domain, which, change, after](Job& running, const Done& done) {
                 const auto before = domain->nics->find(which);
                 if (!before) return done(std::unexpected(before.error()));
                 *after = *before;
                 if (const auto made = changed(change, *after); !made) return done(made);
                 running.on_failure([this, domain, nic = *before](Job& failed, const Done& undone) {
                     if (!domain->in_hv()) return undone({});
                     put(*domain, nic);
                     domain->nics->change_one(nic)(failed, undone);
                 });
                 const Step step = domain->nics->change_one(*after);
                 step(running, done);
             }});
    job.add({JobPhase::RememberNics, 90, [this, domain, after](Job& running, const Done& done) {
                 put(*domain, *after);
                 remembered(context_, false)(running, [&running, done](const auto& kept) {
                     if (kept) running.keep();
                     done(kept);
                 });
             }});
    return work_.go(*domain, job);
}

// In place of the one with its MAC address, or after all others.
void NicChanges::put(Domain& domain, const NicDefinition& nic) {
    auto& nics = domain.definition.nics;
    const auto found = std::ranges::find(nics, nic.mac, &NicDefinition::mac);
    if (found != nics.end()) {
        *found = nic;
    } else {
        nics.push_back(nic);
    }
    domains_.save_definition(domain);
}

void NicChanges::forget(Domain& domain, const NicDefinition& nic) {
    std::erase_if(domain.definition.nics, [&](const NicDefinition& one) { return one.mac == nic.mac; });
    domains_.save_definition(domain);
}

Result<std::vector<NicView>> NicChanges::list(const std::string& text) {
    const Domain* domain = TRY(domains_.find(text));
    std::vector<NicView> views = domain->nics->list();
    metering_.nic_totals().add_to(*domain, views);
    return views;
}

void NicChanges::check(const std::string& text, const std::string& which,
                       const std::function<void(const Result<NicCheck>&)>& done) {
    const auto domain = domains_.find_running(text);
    if (!domain) return done(std::unexpected(domain.error()));
    const auto nic = (*domain)->nics->find(which);
    if (!nic) return done(std::unexpected(nic.error()));
    (*domain)->nics->check(*nic, done);
}

}  // namespace hvctld
