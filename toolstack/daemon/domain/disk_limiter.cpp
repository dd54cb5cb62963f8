#include "domain/disk_limiter.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "config/disk_limits.hpp"
#include "devices/block/disks.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kDivideMs = 500;

}  // namespace

void DiskLimiter::begin() {
    timer_.start(
        0, [this] { look(); }, kDivideMs);
    // For as long as the store, which this does not outlive.
    context_.store.watch("/local/domain/0/backend/vbd", "hvctld-limits",
                         [this, weak = std::weak_ptr{context_.alive}](const std::string& path, const std::string&) {
                             if (!weak.expired()) took_up(path);
                         });
}

// xen-blkback says so just before it makes the threads, which begin without limits.
void DiskLimiter::took_up(const std::string& path) {
    if (!path.ends_with("/state") || context_.store.read(path) != "4") return;
    newcomer_looks_ = 0;
    limit_newcomers();
}

void DiskLimiter::limit_newcomers() {
    constexpr std::uint64_t kFirstMs = 5;
    constexpr unsigned kLooks = 6;
    context_.disk_limits.run_apart(
        context_.loop,
        [blocks = context_.blocks]() -> Result<void> {
            blocks->limit_newcomers();
            return {};
        },
        [](const Result<void>&) {});
    if (newcomer_looks_++ < kLooks) newcomers_.start(kFirstMs << newcomer_looks_, [this] { limit_newcomers(); });
}

void DiskLimiter::look() {
    if (looking_) return;
    std::vector<LimitedGuest> guests;
    for (const Domain* domain : domains_.all()) {
        if (!domain->definition.disk_limits.any() || !domain->in_hv()) continue;
        guests.push_back({domain->id(), domain->record.uuid, domain->definition.disk_limits, domain->disks->served()});
    }
    if (guests.empty() && !more_) return;
    looking_ = true;
    const auto outcome = std::make_shared<Result<bool>>(false);
    context_.disk_limits.run_apart(
        context_.loop,
        [blocks = context_.blocks, guests = std::move(guests), outcome]() -> Result<void> {
            *outcome = blocks->keep_limits(guests);
            return {};
        },
        [this, outcome, weak = std::weak_ptr{context_.alive}](const Result<void>& ran) {
            if (!weak.expired()) looked(ran ? *outcome : std::unexpected(ran.error()));
        });
}

void DiskLimiter::looked(const Result<bool>& kept) {
    looking_ = false;
    more_ = kept.value_or(true);
    // Said once: the rest of it has numbers that change.
    if (!kept && !std::exchange(in_trouble_, true)) log::error("limits of disks: {}", kept.error().text());
    if (kept) in_trouble_ = false;
}

Result<void> DiskLimiter::change(Domain& domain, const std::string& change) {
    config::Diagnostics diagnostics;
    config::DiskLimits limits = domain.definition.disk_limits;
    if (!config::parse_disk_limit_change(change, "change", limits, diagnostics))
        return fail(ErrorId::DefinitionInvalid, diagnostics.text());
    if (limits.any()) TRY(within(domain.record.name, context_.blocks->check_limits()));
    domain.definition.disk_limits = limits;
    look();
    return {};
}

}  // namespace hvctld
