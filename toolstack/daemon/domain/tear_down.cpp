#include "domain/tear_down.hpp"

#include <fmt/format.h>

#include <ranges>

namespace hvctld {
namespace {

constexpr std::uint64_t kFreeRetryMs = 100;

// Destroys in rounds: others may hold frames of the domain for a moment longer.
void destroy_round(Hypervisor& hypervisor, Job& job, DomainId domid, std::uint64_t patient_until_ms,
                   const std::shared_ptr<Timer>& timer, const Done& done) {
    auto outcome = std::make_shared<hvctl::Result<void>>();
    job.loop().blocking([&hypervisor, domid, outcome] { *outcome = hypervisor.destroy_domain(domid); },
                        [&hypervisor, &job, domid, patient_until_ms, timer, outcome, done](const Result<void>& ran) {
                            if (!ran) return done(ran);
                            if (*outcome || outcome->error().code() == hvctl::ErrorCode::NotFound) return done({});
                            const std::string context = fmt::format("destroy domain {}", domid.raw);
                            if (outcome->error().code() != hvctl::ErrorCode::TryAgain)
                                return done(std::unexpected(Error{outcome->error()}.within(context)));
                            if (job.loop().now_ms() >= patient_until_ms) {
                                return done(fail(ErrorId::DeadlinePassed, TearDown::held(domid)));
                            }
                            timer->start(kFreeRetryMs, [&hypervisor, &job, domid, patient_until_ms, timer, done] {
                                destroy_round(hypervisor, job, domid, patient_until_ms, timer, done);
                            });
                        });
}

}  // namespace

std::string TearDown::held(DomainId domain) {
    return fmt::format(
        "domain {} has ended, but something in Dom0, such as a disk that does not answer, still holds memory of it; it "
        "goes from the list when that has let go",
        domain.raw);
}

Step TearDown::free(const Domain& domain, std::uint64_t patience_ms) {
    return [this, domid = domain.id(), patience_ms](Job& job, const Done& done) {
        destroy_round(context_.hypervisor, job, domid, context_.loop.now_ms() + patience_ms,
                      std::make_shared<Timer>(context_.loop), done);
    };
}

void TearDown::unplug(Domain& domain) {
    for (const auto& device : std::views::reverse(domain.devices)) device->unplug();
}

void TearDown::add_phases(Job& job, Domain& domain, EndReason reason, bool last, std::uint64_t patience_ms) {
    job.add({JobPhase::Stop, 40, immediate([this, &domain](Job& running) -> Result<void> {
                 if (!domain.in_hv()) return {};
                 running.shield();
                 domain.record.phase = DomainPhase::Ending;
                 domains_.save(domain);
                 on_last_look(domain);
                 (void)context_.hypervisor.pause_domain(domain.id());
                 return {};
             })});
    job.add({JobPhase::Disconnect, 50, immediate([&domain](Job&) -> Result<void> {
                 unplug(domain);
                 return {};
             })});
    job.add({JobPhase::Free, 60, [this, &domain, reason, last, patience_ms](Job& running, const Done& done) {
                 const auto over = [this, &domain, &running, reason, last, done](const Result<void>& result) {
                     running.unshield();
                     if (result) freed(domain, reason, last);
                     done(result);
                 };
                 if (!domain.in_hv()) return over({});
                 free(domain, patience_ms)(running, over);
             }});
}

void TearDown::freed(Domain& domain, EndReason reason, bool last) {
    if (last) return domains_.stopped(domain, reason);
    for (const auto& device : domain.devices) device->freed();
    domain.failed_ends = 0;
    domain.record.phase = DomainPhase::Stopped;
    domain.record.instance = {};
    domain.record.ended_us = realtime_us();
    domains_.save(domain);
}

}  // namespace hvctld
