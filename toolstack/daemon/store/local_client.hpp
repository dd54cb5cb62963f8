// The daemon itself as a client, acting as Dom0.
#pragma once

#include <map>

#include "store/client.hpp"
#include "store/store.hpp"

namespace hvctld::store {

class LocalClient final : public Client {
  public:
    explicit LocalClient(Engine& engine) : Client(engine, Actor{kDom0, std::nullopt}) {}

    Result<WatchHandle> watch(std::string_view path, std::string_view token, WatchCallback callback);
    void unwatch(WatchHandle handle);
    void deliver(const Watch& watch, std::string_view path, bool first) override;

  private:
    struct Listener {
        std::string path;
        std::string token;  // the caller's; in the index the handle is the token, so that it may repeat
        std::shared_ptr<const WatchCallback> callback;
    };
    std::map<WatchHandle, Listener> listeners_;
    WatchHandle last_handle_ = 0;
};

}  // namespace hvctld::store
