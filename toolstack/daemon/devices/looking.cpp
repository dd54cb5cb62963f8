#include "devices/looking.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace hvctld {
namespace {

constexpr std::uint64_t kFirstLookMs = 1;
constexpr std::uint64_t kLongestPauseMs = 50;

// What a step looks for, again and again.
struct Looking {
    Looking(Job& the_job, std::function<Result<bool>()> the_look, std::function<Error()> the_excuse, Done the_done,
            std::uint64_t patience_ms)
        : job{the_job},
          timer{the_job.loop()},
          look{std::move(the_look)},
          excuse{std::move(the_excuse)},
          done{std::move(the_done)},
          until_ms{the_job.loop().now_ms() + patience_ms} {}

    // The step that looked may wait for something else now, which must not be ended by this.
    void end(Result<void> result) const {
        job.on_interrupt(nullptr);
        done(std::move(result));
    }

    Job& job;
    Timer timer;
    const std::function<Result<bool>()> look;
    const std::function<Error()> excuse;
    const Done done;
    const std::uint64_t until_ms;
    std::uint64_t pause_ms = kFirstLookMs;
};

void look_on(std::shared_ptr<Looking> looking) {
    const auto seen = looking->look();
    if (!seen) return looking->end(std::unexpected(seen.error()));
    if (*seen) return looking->end({});
    if (looking->job.loop().now_ms() >= looking->until_ms) return looking->end(std::unexpected(looking->excuse()));
    looking->timer.start(looking->pause_ms, [looking] { look_on(looking); });
    looking->pause_ms = std::min(looking->pause_ms * 2, kLongestPauseMs);
}

}  // namespace

Done once(Done done) {
    return [done = std::make_shared<Done>(std::move(done))](Result<void> result) {
        if (const auto first = std::exchange(*done, nullptr)) first(std::move(result));
    };
}

Step look_until(std::function<Result<bool>()> look, std::uint64_t patience_ms, std::function<Error()> excuse) {
    return [look = std::move(look), patience_ms, excuse = std::move(excuse)](Job& job, const Done& done) {
        const auto looking = std::make_shared<Looking>(job, look, excuse, done, patience_ms);
        job.on_interrupt([looking](Error& why) {
            looking->timer.stop();
            looking->done(std::unexpected(why));
        });
        look_on(looking);
    };
}

}  // namespace hvctld
