#include "base/disk_thread.hpp"

#include <chrono>
#include <exception>

#include "base/clock.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kPatienceUs = DiskThread::kPatienceMs * 1000;
constexpr std::uint64_t kRest = 10;             // times the last wait, without another one
constexpr std::uint64_t kShortWaitUs = 10'000;  // the scheduler's, not the disk's

}  // namespace

DiskThread::DiskThread(Loop& loop)
    : loop_{loop}, alive_{std::make_shared<DiskThread*>(this)}, thread_{[this] { serve(); }} {}

DiskThread::~DiskThread() {
    {
        const std::lock_guard guard{mutex_};
        stops_ = true;
        items_.clear();
    }
    given_.notify_one();
    thread_.join();
}

void DiskThread::run(Wait wait, std::function<void()> work, std::function<void(const Result<void>&)> done) {
    const auto item = std::make_shared<Item>(Item{std::move(work), std::move(done), monotonic_us(), {}});
    undelivered_.push_back(item);
    {
        const std::lock_guard guard{mutex_};
        items_.push_back(item);
    }
    given_.notify_one();
    wait_for(*item, wait);
    deliver();
}

void DiskThread::wait_for(const Item& item, Wait wait) {
    std::unique_lock lock{mutex_};
    const auto over = [&] { return item.over; };
    if (wait == Wait::ForEver) return ended_.wait(lock, over);
    const std::uint64_t before = monotonic_us();
    if (wait == Wait::IfQuick && before < no_wait_before_us_) return;
    const std::uint64_t until = undelivered_.front()->given_us + kPatienceUs;
    if (before >= until) return;
    ended_.wait_for(lock, std::chrono::microseconds{until - before}, over);
    const std::uint64_t waited = monotonic_us() - before;
    if (waited > kShortWaitUs) no_wait_before_us_ = before + (kRest + 1) * waited;
}

// What is over, up to the first that is not.
void DiskThread::deliver() {
    for (;;) {
        std::shared_ptr<Item> item;
        {
            const std::lock_guard guard{mutex_};
            if (undelivered_.empty() || !undelivered_.front()->over) return;
            item = std::move(undelivered_.front());
            undelivered_.pop_front();
        }
        // What it holds is released here: the thread may be the last to let go of the item.
        const auto done = std::move(item->done);
        done(item->outcome);
    }
}

void DiskThread::serve() {
    std::unique_lock lock{mutex_};
    for (;;) {
        given_.wait(lock, [this] { return stops_ || !items_.empty(); });
        if (items_.empty()) return;
        const auto item = std::move(items_.front());
        items_.pop_front();
        lock.unlock();
        try {
            item->work();
        } catch (...) {
            item->outcome = std::unexpected(error_of(std::current_exception()));
        }
        item->work = nullptr;  // what it held is released before its result is looked at
        lock.lock();
        item->over = true;
        ended_.notify_one();
        loop_.post([weak = std::weak_ptr{alive_}] {
            if (const auto self = weak.lock()) (*self)->deliver();
        });
    }
}

}  // namespace hvctld
