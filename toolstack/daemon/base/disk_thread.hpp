// A thread for work that waits for a disk; it does one piece after the other, in the order in which they were given.
// The loop waits for a piece for as long as a disk that is well takes (kPatienceMs), so that what a client has been
// answered has been written. When the disk does not answer by then, the loop goes on, and hears of the end later.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/loop.hpp"

namespace hvctld {

class DiskThread {
  public:
    // The most that the loop waits for a piece of work, and for all that is given while that has not ended.
    static constexpr std::uint64_t kPatienceMs = 200;

    enum class Wait : std::uint8_t {
        IfQuick,    // kPatienceMs, but a slow disk is waited for a tenth of the time at most
        Patiently,  // kPatienceMs: the caller wants the answer
        ForEver,    // while nothing is served yet, or nothing any more
    };

    explicit DiskThread(Loop& loop);
    ~DiskThread();  // waits for what is under way; what has not begun is dropped
    DiskThread(const DiskThread&) = delete;
    DiskThread& operator=(const DiskThread&) = delete;

    // Runs `work` there, then `done` on the loop's thread, in the order of the calls: before this call
    // returns if the disk has answered by then, and from the loop otherwise. With an error if `work` has
    // thrown. Never when the DiskThread has gone before.
    void run(Wait wait, std::function<void()> work, std::function<void(const Result<void>&)> done);

  private:
    struct Item {
        std::function<void()> work;
        std::function<void(const Result<void>&)> done;
        std::uint64_t given_us = 0;
        Result<void> outcome;
        bool over = false;
    };

    void serve();
    void wait_for(const Item& item, Wait wait);
    void deliver();

    Loop& loop_;
    std::mutex mutex_;
    std::condition_variable given_;
    std::condition_variable ended_;
    std::deque<std::shared_ptr<Item>> items_;
    bool stops_ = false;
    std::deque<std::shared_ptr<Item>> undelivered_;  // of the loop's thread
    std::uint64_t no_wait_before_us_ = 0;
    std::shared_ptr<DiskThread*> alive_;
    std::thread thread_;
};

}  // namespace hvctld
