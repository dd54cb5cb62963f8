#include "hv/domain/watchdog.hpp"

#include "hv/abi/xen/sched.hpp"
#include "hv/base/log.hpp"
#include "hv/base/nospec.hpp"
#include "hv/domain/domain.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"

namespace hv {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;

}  // namespace

// A timer that is due is called without a lock: since then the domain may have stopped it or set it again.
void Watchdogs::bite(void* argument) {
    Watch& watch = *static_cast<Watch*>(argument);
    Domain& domain = *watch.domain;
    if (domain.shut_down.load() || domain.dying.load() != Dying::Alive) return;
    {
        Guard guard{domain.watchdogs.lock_};
        if (watch.seconds == 0 || timer_pending(watch.timer)) return;
        if (domain.paused_by_control.load()) return begin(watch, watch.seconds);
    }
    log(LogLevel::GuestWarning, "domain {}: watchdog expired", domain.id);
    domain.shutdown(static_cast<std::uint32_t>(abi::xen::ShutdownReason::Watchdog));
}

void Watchdogs::begin(Watch& watch, std::uint32_t seconds) {
    watch.seconds = seconds;
    set_timer(watch.timer, time::now() + seconds * kSecond);
}

void Watchdogs::init(Domain& domain) {
    for (Watch& watch : watches_) {
        watch.domain = &domain;
        init_timer(watch.timer, bite, &watch, current_cpu());
    }
    ready_ = true;
}

void Watchdogs::destroy() {
    if (!ready_) return;
    for (Watch& watch : watches_) kill_timer(watch.timer);
}

void Watchdogs::restart() {
    Guard guard{lock_};
    for (Watch& watch : watches_)
        if (watch.seconds != 0) begin(watch, watch.seconds);
}

Result<std::uint32_t> Watchdogs::set(std::uint32_t id, std::uint32_t seconds) {
    if (id > kCount) return fail(Error::BadArgument);
    Guard guard{lock_};
    if (id == 0) {
        if (seconds == 0) return fail(Error::BadArgument);
        for (std::uint32_t i = 0; i < kCount; ++i) {
            if (watches_[i].seconds != 0) continue;
            begin(watches_[i], seconds);
            return i + 1;
        }
        return fail(Error::NoSpace);
    }
    Watch& watch = watches_[index_nospec(id - 1, kCount)];
    if (watch.seconds == 0) return fail(Error::BadArgument);
    if (seconds == 0) {
        stop_timer(watch.timer);
        watch.seconds = 0;
    } else {
        begin(watch, seconds);
    }
    return 0u;
}

}  // namespace hv
