#include "host/service.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include "base/log.hpp"

namespace hvctld::host {

void notify_ready(const std::string& status) {
    (void)sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str());
}

void notify_status(const std::string& status) {
    (void)sd_notify(0, fmt::format("STATUS={}", status).c_str());
}

void notify_stopping() {
    (void)sd_notify(0, "STOPPING=1");
}

void notify_waiting(const std::string& reason) {
    constexpr unsigned kMoreUs = 30'000'000;
    (void)sd_notify(0, fmt::format("STATUS={}\nEXTEND_TIMEOUT_USEC={}", reason, kMoreUs).c_str());
}

std::unique_ptr<Timer> start_watchdog(Loop& loop, std::function<Result<void>()> probe) {
    std::uint64_t period_us = 0;
    if (sd_watchdog_enabled(0, &period_us) <= 0) return nullptr;
    constexpr std::uint64_t kProbesPerPeriod = 3;
    const std::uint64_t interval_ms = period_us / 1000 / kProbesPerPeriod;
    auto timer = std::make_unique<Timer>(loop);
    timer->start(
        interval_ms,
        [probe = std::move(probe)] {
            if (const auto healthy = probe(); healthy) {
                (void)sd_notify(0, "WATCHDOG=1");
            } else {
                log::error("watchdog: {}", healthy.error().text());
                notify_status("not healthy: " + healthy.error().message());
            }
        },
        interval_ms);
    return timer;
}

}  // namespace hvctld::host
