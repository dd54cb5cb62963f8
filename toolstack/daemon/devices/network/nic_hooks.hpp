// The programs of administrators that are run for network interfaces: when one has come, before its guest has it, and
// when it goes.
//
// What has been begun is in the store until it has been undone, so that a process after this one knows what there is to
// undo. So a program may be asked to remove what it has not come to add, and may be asked twice.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "config/definition.hpp"
#include "devices/network/network_host.hpp"
#include "domain/job.hpp"
#include "domain/pool_lane.hpp"
#include "store/store.hpp"

namespace hvctld {

class NicHooks {
  public:
    // `usual` is the program of network interfaces that name none; empty: there is none.
    NicHooks(Loop& loop, std::shared_ptr<NetworkHost> network, store::Store& store, std::string usual);
    NicHooks(const NicHooks&) = delete;
    NicHooks& operator=(const NicHooks&) = delete;

    // Empty: none is run.
    [[nodiscard]] std::string program_of(const config::NicDefinition& nic) const;
    // Runs it, after all that is being undone of the same domain, interface or addresses. Whatever comes of it,
    // remove() undoes it.
    [[nodiscard]] Step add(const HookRun& run);
    // Undoes what add() did for the interface, with what that was told; `done` hears of it in any case, at once where
    // there is nothing to undo. A failure is logged.
    void remove(const std::string& interface, const std::function<void()>& done);

    // What processes before this one have begun.
    void load();
    // The interface belongs to a guest that goes on: nothing is to be undone.
    void take_up(const std::string& interface);
    // Undoes the rest: what was begun for interfaces that take_up() was not called for, but for those of domains that
    // are `kept`.
    void sweep(const std::function<bool(std::uint16_t domid)>& kept);

  private:
    struct Begun {
        HookRun run;
        bool taken_up = true;
        bool leaves = false;
    };

    [[nodiscard]] bool is_free_for(const HookRun& run) const;
    void begin(const HookRun& run, Job& job, const Done& done);
    void remember(const HookRun& run);
    void forget(const std::string& interface);

    Loop& loop_;
    const std::shared_ptr<NetworkHost> network_;
    store::Store& store_;
    const std::string usual_;
    PoolLane lane_;
    std::map<std::string, Begun> begun_;  // by interface
    std::shared_ptr<NicHooks*> alive_ = std::make_shared<NicHooks*>(this);
};

}  // namespace hvctld
