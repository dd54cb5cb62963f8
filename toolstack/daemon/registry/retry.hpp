// Writes the registry's file on a thread of its own, offers it again what it did not take, and calls back those jobs
// that must not go on before it has.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/disk_thread.hpp"
#include "base/loop.hpp"
#include "registry/registry.hpp"

namespace hvctld {

class RegistryRetry {
  public:
    RegistryRetry(Loop& loop, Registry& registry);
    ~RegistryRetry();
    RegistryRetry(const RegistryRetry&) = delete;
    RegistryRetry& operator=(const RegistryRetry&) = delete;

    // `then` runs once, from the loop, when the file has all that was saved. The handle ends the waiting.
    std::uint64_t when_written(std::function<void()> then);
    void stop_waiting(std::uint64_t handle) { waiters_.erase(handle); }

    // Trouble has begun or changed: its text; or it is over: nothing.
    std::function<void(const std::string& trouble)> on_trouble;

  private:
    void waiting();
    void disarm();
    void written();
    void tell();
    void tidy_up();

    Loop& loop_;
    Registry& registry_;
    Timer timer_;
    bool armed_ = false;
    bool tidying_ = false;
    std::uint64_t delay_ms_;
    std::string told_;
    std::map<std::uint64_t, std::function<void()>> waiters_;
    std::uint64_t next_handle_ = 1;
    std::shared_ptr<RegistryRetry*> alive_;
    DiskThread thread_;
};

}  // namespace hvctld
