#include "base/loop.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <thread>

namespace hvctld {

Loop::Loop() {
    setenv("UV_THREADPOOL_SIZE", fmt::format("{}", kPoolThreads).c_str(), 1);  // read at the pool's first use
    uv_loop_init(&loop_);
    uv_async_init(&loop_, &wake_, [](uv_async_t* handle) { static_cast<Loop*>(handle->data)->run_posted(); });
    wake_.data = this;
    alive_ = std::make_shared<Alive>();
    alive_->loop = this;
}

Loop::~Loop() {
    {
        const std::lock_guard guard{alive_->mutex};
        alive_->loop = nullptr;
    }
    uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
}

void Loop::post(std::function<void()> function) {
    {
        const std::lock_guard guard{mutex_};
        posted_.push_back(std::move(function));
    }
    uv_async_send(&wake_);
}

void Loop::run_posted() {
    std::vector<std::function<void()>> now;
    {
        const std::lock_guard guard{mutex_};
        now.swap(posted_);
    }
    for (auto& function : now) function();
}

namespace {

struct Work {
    uv_work_t request{};
    std::function<void()> work;
    std::function<void(const Result<void>&)> done;
    Result<void> outcome;
};

using Answer = std::function<void(const Result<void>&)>;

// Such an answer is never destroyed. The list keeps it reachable, so that leak checkers do not report it.
void leave_behind(Answer* answer) {
    static std::mutex mutex;
    static auto* const all = new std::vector<Answer*>;
    const std::lock_guard guard{mutex};
    all->push_back(answer);
}

}  // namespace

void Loop::blocking(std::function<void()> work, std::function<void(const Result<void>&)> done) {
    auto* item = new Work{{}, std::move(work), std::move(done), {}};
    item->request.data = item;
    uv_queue_work(
        &loop_, &item->request,
        [](uv_work_t* request) {
            auto* running = static_cast<Work*>(request->data);
            try {
                running->work();
            } catch (...) {  // below is C
                running->outcome = std::unexpected(error_of(std::current_exception()));
            }
        },
        [](uv_work_t* request, int) {
            const std::unique_ptr<Work> finished{static_cast<Work*>(request->data)};
            finished->work = nullptr;  // what the work held is released before its result is looked at
            finished->done(finished->outcome);
        });
}

void Loop::apart(std::function<Result<void>()> work, std::function<void(const Result<void>&)> done) {
    // What `done` holds is the loop's thread's: a thread that outlives the loop leaves it where it is.
    auto* const waiting = new Answer{std::move(done)};
    auto run = [alive = alive_, work = std::move(work), waiting]() mutable {
        Result<void> outcome;
        try {
            outcome = work();
        } catch (...) {
            outcome = std::unexpected(error_of(std::current_exception()));
        }
        work = nullptr;
        const std::lock_guard guard{alive->mutex};
        if (alive->loop == nullptr) return leave_behind(waiting);
        alive->loop->post([outcome = std::move(outcome), own = std::shared_ptr<Answer>{waiting}] { (*own)(outcome); });
    };
    try {
        std::thread{std::move(run)}.detach();
    } catch (const std::system_error& problem) {
        post([own = std::shared_ptr<Answer>{waiting}, number = problem.code().value()] {
            (*own)(fail_errno(number, "cannot begin a thread"));
        });
    }
}

struct Timer::Handle {
    uv_timer_t timer{};
    std::function<void()> callback;
};

Timer::Timer(Loop& loop) : handle_{new Handle} {
    uv_timer_init(loop.raw(), &handle_->timer);
    handle_->timer.data = handle_;
}

Timer::~Timer() {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_->timer),
             [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void Timer::start(std::uint64_t after_ms, std::function<void()> callback, std::uint64_t repeat_ms) {
    handle_->callback = std::move(callback);
    uv_update_time(handle_->timer.loop);  // a callback may have taken long
    uv_timer_start(
        &handle_->timer,
        [](uv_timer_t* timer) {
            auto* handle = static_cast<Handle*>(timer->data);
            // Out of the handle: it may set the timer anew, and what a single shot held goes with it.
            const bool again = uv_timer_get_repeat(timer) != 0;
            const auto function = again ? handle->callback : std::exchange(handle->callback, nullptr);
            function();
        },
        after_ms, repeat_ms);
}

void Timer::stop() {
    uv_timer_stop(&handle_->timer);
    handle_->callback = nullptr;
}

struct FdWatch::Handle {
    uv_poll_t poll{};
    UniqueFd fd;
    std::function<void(int)> callback;
};

Result<FdWatch> FdWatch::create(Loop& loop, UniqueFd fd) {
    auto handle = std::make_unique<Handle>();
    if (const int status = uv_poll_init(loop.raw(), &handle->poll, fd.get()); status != 0)
        return fail(ErrorId::Io, fmt::format("cannot watch a descriptor: {}", uv_strerror(status)));
    handle->poll.data = handle.get();
    handle->fd = std::move(fd);
    return FdWatch{handle.release()};
}

Result<FdWatch> FdWatch::duplicate(Loop& loop, int fd) {
    UniqueFd own{fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    if (!own) return fail_errno(errno, "cannot watch a descriptor");
    return create(loop, std::move(own));
}

FdWatch::~FdWatch() {
    if (handle_ == nullptr) return;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
             [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
    handle_->fd = {};  // now, not with the loop's next round: the other side waits for the end of the file
}

int FdWatch::fd() const {
    return handle_->fd.get();
}

void FdWatch::start(int events, std::function<void(int events)> callback) {
    handle_->callback = std::move(callback);
    change(events);
}

void FdWatch::change(int events) {
    if (events == 0) return stop();
    uv_poll_start(&handle_->poll, events, [](uv_poll_t* poll, int status, int ready) {
        const auto function = static_cast<Handle*>(poll->data)->callback;  // a copy: it may destroy the watch
        function(status < 0 ? status : ready);
    });
}

void FdWatch::stop() {
    uv_poll_stop(&handle_->poll);
}

}  // namespace hvctld
