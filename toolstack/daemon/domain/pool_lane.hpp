// Builds and checks take seconds each and read files that may hang. They share the pool's threads
// with what ends guests, so only so many of them may be in it at a time; the others wait for
// their turn, and can be called off meanwhile.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>

#include "domain/job.hpp"

namespace hvctld {

class PoolLane {
  public:
    explicit PoolLane(std::size_t width) : state_{std::make_shared<State>(width)} {}

    // As in_pool(), when its turn comes.
    [[nodiscard]] Step step(std::function<Result<void>(Job& job)> work);
    // As Loop::blocking(), when its turn comes; never when the lane has gone before.
    void run(Loop& loop, std::function<void()> work, std::function<void(const Result<void>&)> done);

  private:
    using Queue = std::list<std::function<void()>>;
    using Place = Queue::iterator;
    struct State {
        explicit State(std::size_t width) : free{width} {}
        // Calls `begin` now, and has no place in the queue then, or at its turn.
        std::optional<Place> enter(std::function<void()> begin);
        void leave();

        std::size_t free;
        Queue queue;
    };

    std::shared_ptr<State> state_;  // also of steps that end when the lane is gone
};

}  // namespace hvctld
