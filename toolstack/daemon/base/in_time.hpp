// An answer that is waited for, and not for ever: it comes, the time is over, or nothing is left that could bring it.
// The callback runs once, at the first of these.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/loop.hpp"

namespace hvctld {

class InTime {
  public:
    // `then` runs once: with true from answered(), which may be called within the same turn, or with false when `ms`
    // have passed since this call or when the last owner lets go. All of this is on the loop's thread.
    static std::shared_ptr<InTime> within(Loop& loop, std::uint64_t ms, std::function<void(bool answered)> then) {
        std::shared_ptr<InTime> waiting{new InTime{loop, std::move(then)}};
        waiting->timer_.start(ms, [weak = std::weak_ptr{waiting}] {
            if (const auto self = weak.lock()) self->tell(false);
        });
        return waiting;
    }
    ~InTime() { tell(false); }
    InTime(const InTime&) = delete;
    InTime& operator=(const InTime&) = delete;
    void answered() { tell(true); }

  private:
    InTime(Loop& loop, std::function<void(bool)> then) : then_{std::move(then)}, timer_{loop} {}

    void tell(bool answered) {
        timer_.stop();
        if (const auto then = std::exchange(then_, nullptr)) then(answered);
    }

    std::function<void(bool)> then_;
    Timer timer_;
};

}  // namespace hvctld
