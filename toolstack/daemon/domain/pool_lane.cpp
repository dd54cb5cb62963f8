#include "domain/pool_lane.hpp"

#include <utility>

namespace hvctld {

std::optional<PoolLane::Place> PoolLane::State::enter(std::function<void()> begin) {
    if (free == 0) return queue.insert(queue.end(), std::move(begin));
    --free;
    begin();
    return std::nullopt;
}

void PoolLane::State::leave() {
    while (!queue.empty()) {
        const auto next = std::move(queue.front());
        queue.pop_front();
        if (next) return next();  // or the lane is gone
    }
    ++free;
}

// Each of them owns the state that owns it. Their places stay: jobs know them.
PoolLane::~PoolLane() {
    for (auto& waiting : state_->queue) waiting = nullptr;
}

void PoolLane::call_off_in_queue(const std::shared_ptr<State>& state, Job& job, const Done& done,
                                 std::optional<Place> place) {
    if (!place) return;
    job.on_interrupt([state, place, done](Error& why) {
        state->queue.erase(*place);
        done(std::unexpected(why));
    });
}

Step PoolLane::step(std::function<Result<void>(Job&)> work) {
    return [state = state_, inner = in_pool(std::move(work))](Job& job, const Done& done) {
        call_off_in_queue(state, job, done, state->enter([state, inner, &job, done] {
            job.on_interrupt(nullptr);  // in the pool it only has its stop token
            inner(job, [state, done](const Result<void>& result) {
                state->leave();
                done(result);
            });
        }));
    };
}

void PoolLane::State::begin_apart(const std::shared_ptr<State>& state, Loop& loop,
                                  const std::function<Result<void>()>& work,
                                  const std::function<void(const Result<void>&)>& done) {
    loop.apart(work, [state, done](const Result<void>& result) {
        state->leave();
        done(result);
    });
}

Step PoolLane::step_apart(std::function<Result<void>()> work) {
    return [state = state_, work = std::move(work)](Job& job, const Done& done) {
        call_off_in_queue(state, job, done, state->enter([state, work, &job, done] {
            job.on_interrupt([done](Error& why) { done(std::unexpected(why)); });
            State::begin_apart(state, job.loop(), work, done);
        }));
    };
}

Step PoolLane::step_to_its_end(std::function<Result<void>(const std::stop_token&)> work) {
    return [state = state_, work = std::move(work)](Job& job, const Done& done) {
        call_off_in_queue(state, job, done, state->enter([state, work, &job, done] {
            job.on_interrupt(nullptr);  // it only has the job's stop token
            State::begin_apart(
                state, job.loop(), [work, stop = job.stop_token()] { return work(stop); }, done);
        }));
    };
}

void PoolLane::run_apart(Loop& loop, std::function<Result<void>()> work,
                         std::function<void(const Result<void>&)> done) {
    state_->enter([state = state_, &loop, work = std::move(work), done = std::move(done)] {
        State::begin_apart(state, loop, work, done);
    });
}

void PoolLane::run(Loop& loop, std::function<void()> work, std::function<void(const Result<void>&)> done) {
    state_->enter([state = state_, &loop, work = std::move(work), done = std::move(done)] {
        loop.blocking(work, [state, done](const Result<void>& ran) {
            state->leave();
            done(ran);
        });
    });
}

}  // namespace hvctld
