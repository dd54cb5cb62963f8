// libuv with owners. Everything but Loop::post() and the work given to Loop::blocking() happens on the loop's thread.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/files.hpp"

namespace hvctld {

class Loop {
  public:
    // Of the pool, which all loops share; UV_THREADPOOL_SIZE in the environment is overridden.
    static constexpr std::size_t kPoolThreads = 8;

    Loop();
    ~Loop();  // everything that hangs on the loop must be gone by then
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    uv_loop_t* raw() { return &loop_; }
    // Until stop(), or until nothing is left to wait for.
    void run() { uv_run(&loop_, UV_RUN_DEFAULT); }
    // One round; waits for an event unless `wait` is false.
    void run_once(bool wait = true) { uv_run(&loop_, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT); }
    void stop() { uv_stop(&loop_); }

    // Runs `function` on the loop's thread, soon and never from inside this call. From any thread.
    void post(std::function<void()> function);
    // Runs `work` in the thread pool, then `done` on the loop's thread; with an error if `work` has thrown.
    void blocking(std::function<void()> work, std::function<void(const Result<void>&)> done);

    // Runs `work`, which must own all that it uses, in a thread of its own, then `done` on the loop's thread. For what
    // may never end: such a thread holds up nothing else, and is left behind when the loop goes, and `done` with it.
    void apart(std::function<Result<void>()> work, std::function<void(const Result<void>&)> done);

    // Milliseconds of a clock that never goes back.
    [[nodiscard]] std::uint64_t now_ms() { return uv_now(&loop_); }

  private:
    struct Alive {
        std::mutex mutex;
        Loop* loop;
    };

    void run_posted();

    uv_loop_t loop_{};
    uv_async_t wake_{};
    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;
    std::shared_ptr<Alive> alive_;
};

// A timer; destroying it stops it.
class Timer {
  public:
    explicit Timer(Loop& loop);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // `after_ms` from this call on. Replaces what was set before. The callback may destroy the timer.
    void start(std::uint64_t after_ms, std::function<void()> callback, std::uint64_t repeat_ms = 0);
    void stop();

  private:
    struct Handle;
    Handle* handle_;
};

// Readiness of a descriptor that the watch owns; destroying it stops the watching and closes the descriptor, in this
// order. No other code may close it: its number would be given to another file, and the loop tells files apart by
// their number.
class FdWatch {
  public:
    static Result<FdWatch> create(Loop& loop, UniqueFd fd);
    // For a descriptor that a library owns and closes when it likes: watches a duplicate. The other side sees the file
    // closed when both are.
    static Result<FdWatch> duplicate(Loop& loop, int fd);
    FdWatch(FdWatch&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
    FdWatch& operator=(FdWatch&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~FdWatch();

    [[nodiscard]] int fd() const;

    // `events` of UV_READABLE, UV_WRITABLE, UV_DISCONNECT; 0 stops. A negative argument of the callback is a libuv
    // error. The callback may destroy the watch.
    void start(int events, std::function<void(int events)> callback);
    // The same callback, other events.
    void change(int events);
    void stop();

  private:
    struct Handle;
    explicit FdWatch(Handle* handle) : handle_{handle} {}
    Handle* handle_;
};

}  // namespace hvctld
