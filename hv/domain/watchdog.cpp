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

void watchdog_bit(void* argument) {
    Domain& domain = *static_cast<Domain*>(argument);
    if (domain.shut_down.load() || domain.dying.load() != Dying::Alive) return;
    log(LogLevel::GuestWarning, "domain {}: watchdog expired", domain.id);
    domain.shutdown(static_cast<std::uint32_t>(abi::xen::ShutdownReason::Watchdog));
}

}  // namespace

void Watchdogs::init(Domain& domain) {
    domain_ = &domain;
    for (Timer& timer : timers_) init_timer(timer, watchdog_bit, &domain, current_cpu());
}

void Watchdogs::destroy() {
    if (!domain_) return;
    for (Timer& timer : timers_) kill_timer(timer);
}

Result<std::uint32_t> Watchdogs::set(std::uint32_t id, std::uint32_t seconds) {
    if (id > kCount) return fail(Error::BadArgument);
    Guard guard{lock_};
    if (id == 0) {
        if (seconds == 0) return fail(Error::BadArgument);
        for (std::uint32_t i = 0; i < kCount; ++i) {
            if (used_ & (1u << i)) continue;
            used_ |= 1u << i;
            set_timer(timers_[i], time::now() + seconds * kSecond);
            return i + 1;
        }
        return fail(Error::NoSpace);
    }
    const std::uint32_t index = index_nospec(id - 1, kCount);
    if (!(used_ & (1u << index))) return fail(Error::BadArgument);
    if (seconds == 0) {
        stop_timer(timers_[index]);
        used_ &= ~(1u << index);
    } else {
        set_timer(timers_[index], time::now() + seconds * kSecond);
    }
    return 0u;
}

}  // namespace hv
