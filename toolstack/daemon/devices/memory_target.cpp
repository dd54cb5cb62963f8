#include "devices/memory_target.hpp"

#include <algorithm>
#include <charconv>

#include "base/log.hpp"
#include "domain/store_entries.hpp"

namespace hvctld {

Step MemoryTarget::prepare(bool) {
    return immediate([](Job&) -> Result<void> { return {}; });
}

Phase MemoryTarget::publish() {
    return {JobPhase::Configure, 93, immediate([this](Job&) -> Result<void> {
                watch();
                return {};
            })};
}

Result<void> MemoryTarget::recover() {
    watch();
    return {};
}

void MemoryTarget::unplug() {
    if (watch_ != 0) context_.store.unwatch(std::exchange(watch_, 0));
}

void MemoryTarget::watch() {
    unplug();
    watch_ = context_.store.watch(domain_path(domain_.id().raw) + "/memory/target", "",
                                  [this](const std::string&, const std::string&) { target_changed(); });
}

void MemoryTarget::target_changed() {
    const auto text = context_.store.read(domain_path(domain_.id().raw) + "/memory/target");
    std::uint64_t kib = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), kib).ec != std::errc{}) return;
    constexpr std::uint64_t kKibOfFrame = hvctl::kPageSize / 1024;
    const std::uint64_t frames = std::min(kib / kKibOfFrame, domain_.definition.max_memory / hvctl::kPageSize);
    if (const auto set = context_.hypervisor.set_max_memory(domain_.id(), frames); !set)
        log::error("{}: limit of its memory: {}", domain_.record.name, Error{set.error()}.text());
    // What was set aside for a higher target is not needed for this one.
    const auto info = context_.hypervisor.domain(domain_.id());
    if (info && info->claimed_frames != 0 && frames < info->frames + info->claimed_frames)
        (void)context_.hypervisor.set_claim(domain_.id(), frames);
}

}  // namespace hvctld
