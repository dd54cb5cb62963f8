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
}

void DiskLimiter::look() {
    if (looking_) return;
    std::vector<LimitedGuest> guests;
    for (const Domain* domain : domains_.all()) {
        if (!domain->definition.disk_limits.any() || !domain->in_hv()) continue;
        guests.push_back({domain->id(), domain->definition.disk_limits, domain->disks->served()});
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
    const std::string trouble = kept ? std::string{} : kept.error().text();
    if (trouble == trouble_) return;
    trouble_ = trouble;
    if (!trouble.empty()) log::error("limits of disks: {}", trouble);
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
