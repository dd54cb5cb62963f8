// The handlers behind handle_request(), one function per message type.
#pragma once

#include <functional>
#include <string>

#include "store/client.hpp"
#include "store/content.hpp"
#include "store/error.hpp"
#include "store/message.hpp"

namespace hvctld::store {

struct RequestContext {
    Engine& engine;
    WireClient& client;
    const Request& request;
    Transaction* transaction = nullptr;
    Watch* new_watch = nullptr;  // told for the first time after the reply

    Scope scope() const { return {client.actor(), transaction}; }
};

// The payload of the reply.
using Reply = Result<std::string>;
using Handler = Reply (*)(RequestContext&);

inline std::string ok_reply() {
    return {"OK\0", 3};
}

// The whole payload as one NUL-terminated string, or a domain number in it. Error::BadArgument: it is something else.
Result<std::string_view> single_string(std::string_view payload);
Result<DomainId> parse_domain(std::string_view text);
// At least `least` and at most `most` NUL-terminated strings.
Result<std::vector<std::string_view>> some_strings(std::string_view payload, std::size_t least, std::size_t most);

Reply handle_directory(RequestContext& context);
Reply handle_directory_part(RequestContext& context);
Reply handle_read(RequestContext& context);
Reply handle_write(RequestContext& context);
Reply handle_mkdir(RequestContext& context);
Reply handle_remove(RequestContext& context);
Reply handle_get_permissions(RequestContext& context);
Reply handle_set_permissions(RequestContext& context);

Reply handle_watch(RequestContext& context);
Reply handle_unwatch(RequestContext& context);
Reply handle_reset_watches(RequestContext& context);
Reply handle_transaction_start(RequestContext& context);
Reply handle_transaction_end(RequestContext& context);

Reply handle_introduce(RequestContext& context);
Reply handle_release(RequestContext& context);
Reply handle_get_domain_path(RequestContext& context);
Reply handle_is_introduced(RequestContext& context);
Reply handle_resume(RequestContext& context);
Reply handle_set_target(RequestContext& context);

Reply handle_control(RequestContext& context);

}  // namespace hvctld::store
