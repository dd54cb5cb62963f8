// SCHEDOP_watchdog: a domain's two watchdogs; one that is not set again in time shuts the domain down. A domain that
// the toolstack has paused cannot set it: it has its whole time again when it goes on.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/time/timer_queue.hpp"

namespace hv {

class Domain;

class Watchdogs final {
  public:
    static constexpr std::uint32_t kCount = 2;

    Watchdogs() = default;
    Watchdogs(const Watchdogs&) = delete;
    Watchdogs& operator=(const Watchdogs&) = delete;

    void init(Domain& domain);
    void destroy();  // waits for running handlers

    // `id` 0 with a timeout takes a free one and returns its id (NoSpace: none); otherwise restarts (or, at timeout 0,
    // stops) the one named. BadArgument: no such id, or it is not in use. Returns 0 for these.
    Result<std::uint32_t> set(std::uint32_t id, std::uint32_t seconds);

    // Those in use have their whole time again: the domain is about to go on after a pause.
    void restart();

  private:
    struct Watch {
        Timer timer;
        Domain* domain = nullptr;
        std::uint32_t seconds = 0;  // as it was set last; 0: not in use
    };

    static void bite(void* watch);
    static void begin(Watch& watch, std::uint32_t seconds);

    bool ready_ = false;
    Spinlock lock_{LockRank::EventTable};
    Watch watches_[kCount];
};

}  // namespace hv
