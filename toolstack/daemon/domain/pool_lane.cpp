#include "domain/pool_lane.hpp"

#include <utility>

namespace hvctld {

void PoolLane::leave(State& state) {
    if (state.queue.empty()) {
        ++state.free;
        return;
    }
    const auto next = std::move(state.queue.front());
    state.queue.pop_front();
    next();
}

Step PoolLane::step(std::function<Result<void>(Job&)> work) {
    return [state = state_, inner = in_pool(std::move(work))](Job& job, const Done& done) {
        const auto begin = [state, inner, &job, done] {
            job.on_interrupt(nullptr);  // in the pool it only has its stop token
            inner(job, [state, done](const Result<void>& result) {
                leave(*state);
                done(result);
            });
        };
        if (state->free > 0) {
            --state->free;
            return begin();
        }
        const auto place = state->queue.insert(state->queue.end(), begin);
        job.on_interrupt([state, place, done](Error& why) {
            state->queue.erase(place);
            done(std::unexpected(why));
        });
    };
}

}  // namespace hvctld
