// Builds and checks take seconds each and read files that may hang. They share the pool's threads
// with what ends guests, so only so many of them may be in it at a time; the others wait for
// their turn, and can be called off meanwhile.
//
// What reads files first has a lane of its own and no thread of the pool: a file server that does not answer keeps
// those threads for as long as it likes, and must hold up no guests but its own.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>

#include "domain/job.hpp"

namespace hvctld {

class PoolLane {
  public:
    explicit PoolLane(std::size_t width) : state_{std::make_shared<State>(width)} {}
    // What still waits for its turn never has it.
    ~PoolLane();
    PoolLane(const PoolLane&) = delete;
    PoolLane& operator=(const PoolLane&) = delete;

    // As in_pool(), when its turn comes.
    [[nodiscard]] Step step(std::function<Result<void>(Job& job)> work);
    // In a thread of its own, when its turn comes. Whatever calls the job off leaves that thread behind at once, so
    // `work` must own all that it uses; its place in the lane is free when it comes to its end.
    [[nodiscard]] Step step_apart(std::function<Result<void>()> work);
    // In a thread of its own as well, which is not left behind: whatever calls the job off tells `work`, which must
    // come to its end soon then, and is waited for.
    [[nodiscard]] Step step_to_its_end(std::function<Result<void>(const std::stop_token& stop)> work);
    // As step_apart(), without a job; never answers when the lane has gone before.
    void run_apart(Loop& loop, std::function<Result<void>()> work, std::function<void(const Result<void>&)> done);
    // As Loop::blocking(), when its turn comes; never when the lane has gone before.
    void run(Loop& loop, std::function<void()> work, std::function<void(const Result<void>&)> done);

  private:
    using Queue = std::list<std::function<void()>>;
    using Place = Queue::iterator;
    struct State {
        explicit State(std::size_t width) : free{width} {}
        // Calls `begin` at once when there is room in the lane, and returns nothing. Otherwise calls it later, at its
        // turn, and returns its place in the queue.
        std::optional<Place> enter(std::function<void()> begin);
        void leave();
        // What has a place begins; `done` hears of its end on the loop's thread, the place being free.
        static void begin_apart(const std::shared_ptr<State>& state, Loop& loop,
                                const std::function<Result<void>()>& work,
                                const std::function<void(const Result<void>&)>& done);

        std::size_t free;
        Queue queue;
    };

    // A job that is called off while it waits for its turn gives its place in the queue up.
    static void call_off_in_queue(const std::shared_ptr<State>& state, Job& job, const Done& done,
                                  std::optional<Place> place);

    std::shared_ptr<State> state_;  // also of steps that end when the lane is gone
};

}  // namespace hvctld
