#include "registry/retry.hpp"

#include <algorithm>
#include <utility>

namespace hvctld {
namespace {

constexpr std::uint64_t kFirstDelayMs = 20;
constexpr std::uint64_t kLongestDelayMs = 5000;
constexpr std::uint64_t kSilenceMs = 2000;  // of a disk, before this is reported
constexpr int kMostPagesBeside = 1000;

}  // namespace

RegistryRetry::RegistryRetry(Loop& loop, Registry& registry)
    : loop_{loop},
      registry_{registry},
      timer_{loop},
      delay_ms_{kFirstDelayMs},
      alive_{std::make_shared<RegistryRetry*>(this)},
      thread_{loop} {
    registry_.use(&thread_);
    registry_.on_waiting = [this] { waiting(); };
    // However much there is to write: the next silence is counted from here.
    registry_.on_answered = [this] { disarm(); };
    registry_.on_written = [this] { written(); };
}

RegistryRetry::~RegistryRetry() {
    registry_.use(nullptr);
    registry_.on_waiting = nullptr;
    registry_.on_answered = nullptr;
    registry_.on_written = nullptr;
}

std::uint64_t RegistryRetry::when_written(std::function<void()> then) {
    waiters_[next_handle_] = std::move(then);
    if (registry_.waiting() == 0 && !registry_.trouble()) written();
    return next_handle_++;
}

void RegistryRetry::waiting() {
    // A disk that is slow for a moment is no trouble; one that stays so is.
    if (!registry_.being_written()) tell();
    if (std::exchange(armed_, true)) return;
    timer_.start(registry_.being_written() ? kSilenceMs : delay_ms_, [this] {
        armed_ = false;
        if (registry_.being_written()) {
            registry_.note_silence();
            return tell();
        }
        delay_ms_ = std::min(2 * delay_ms_, kLongestDelayMs);
        (void)registry_.flush();
    });
}

void RegistryRetry::tell() {
    const Error& trouble = *registry_.trouble();
    const bool own_lock = tidying_ && trouble.id() == ErrorId::Busy && !registry_.being_written();
    const std::string& text = trouble.message();
    if (told_ == text || own_lock) return;
    told_ = text;
    if (on_trouble) on_trouble(told_);
}

void RegistryRetry::disarm() {
    armed_ = false;
    timer_.stop();
}

// What is written goes into the file by and by, in the pool: that waits for the disk.
void RegistryRetry::tidy_up() {
    if (registry_.pages_beside() < kMostPagesBeside || std::exchange(tidying_, true)) return;
    loop_.blocking([path = registry_.path()] { (void)Database::checkpoint(path); },  // or with one of the next records
                   [weak = std::weak_ptr{alive_}](const Result<void>&) {
                       if (const auto self = weak.lock()) (*self)->tidying_ = false;
                   });
}

void RegistryRetry::written() {
    tidy_up();
    delay_ms_ = kFirstDelayMs;
    disarm();
    if (!std::exchange(told_, {}).empty() && on_trouble) on_trouble({});
    if (waiters_.empty()) return;
    // From the loop: the caller that has just saved is in the middle of its own work.
    loop_.post([weak = std::weak_ptr{alive_}] {
        const auto self = weak.lock();
        if (!self || (*self)->registry_.waiting() != 0) return;
        for (const auto& [handle, then] : std::exchange((*self)->waiters_, {})) then();
    });
}

}  // namespace hvctld
