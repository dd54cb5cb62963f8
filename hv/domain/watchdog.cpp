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

void Watchdogs::bite(void* argument) {
    Watch& watch = *static_cast<Watch*>(argument);
    Domain& domain = *watch.domain;
    if (domain.shut_down.load() || domain.dying.load() != Dying::Alive) return;
    if (domain.paused_by_control.load()) return set_timer(watch.timer, time::now() + watch.seconds.load() * kSecond);
    log(LogLevel::GuestWarning, "domain {}: watchdog expired", domain.id);
    domain.shutdown(static_cast<std::uint32_t>(abi::xen::ShutdownReason::Watchdog));
}

void Watchdogs::begin(Watch& watch, std::uint32_t seconds) {
    watch.seconds.store(seconds);
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
    for (std::uint32_t i = 0; i < kCount; ++i)
        if (used_ & (1u << i)) begin(watches_[i], watches_[i].seconds.load());
}

Result<std::uint32_t> Watchdogs::set(std::uint32_t id, std::uint32_t seconds) {
    if (id > kCount) return fail(Error::BadArgument);
    Guard guard{lock_};
    if (id == 0) {
        if (seconds == 0) return fail(Error::BadArgument);
        for (std::uint32_t i = 0; i < kCount; ++i) {
            if (used_ & (1u << i)) continue;
            used_ |= 1u << i;
            begin(watches_[i], seconds);
            return i + 1;
        }
        return fail(Error::NoSpace);
    }
    const std::uint32_t index = index_nospec(id - 1, kCount);
    if (!(used_ & (1u << index))) return fail(Error::BadArgument);
    if (seconds == 0) {
        stop_timer(watches_[index].timer);
        used_ &= ~(1u << index);
    } else {
        begin(watches_[index], seconds);
    }
    return 0u;
}

}  // namespace hv
