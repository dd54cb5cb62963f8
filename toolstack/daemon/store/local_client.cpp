#include "store/local_client.hpp"

#include <charconv>

#include "hvctl/try.hpp"
#include "store/engine.hpp"

namespace hvctld::store {

Result<WatchHandle> LocalClient::watch(std::string_view path, std::string_view token, WatchCallback callback) {
    const ParsedPath parsed = TRY(parse_path(path, kDom0, SpecialPaths::Allowed));
    const WatchHandle handle = ++last_handle_;
    Watch* const watch = TRY(add_watch(parsed, std::to_string(handle)));
    listeners_.emplace(handle, Listener{parsed.absolute, std::string{token},
                                        std::make_shared<const WatchCallback>(std::move(callback))});
    deliver(*watch, parsed.absolute, true);
    return handle;
}

void LocalClient::unwatch(WatchHandle handle) {
    const auto listener = listeners_.extract(handle);
    if (!listener.empty()) (void)remove_watch(listener.mapped().path, std::to_string(handle));
}

void LocalClient::deliver(const Watch& watch, std::string_view path, bool) {
    WatchHandle handle = 0;
    std::from_chars(watch.token.data(), watch.token.data() + watch.token.size(), handle);
    engine_.call_later([this, handle, changed = std::string{path}] {
        const auto found = listeners_.find(handle);
        if (found == listeners_.end()) return;         // unwatched meanwhile
        const auto callback = found->second.callback;  // it may unwatch itself
        const std::string token = found->second.token;
        (*callback)(changed, token);
    });
}

}  // namespace hvctld::store
