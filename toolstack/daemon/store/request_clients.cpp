// Requests about the client's own watches and transactions.
#include "hvctl/try.hpp"
#include "store/engine.hpp"
#include "store/request_handlers.hpp"

namespace hvctld::store {

Reply handle_watch(RequestContext& context) {
    const auto strings = TRY(some_strings(context.request.payload, 2, 2));
    const DomainId home = context.client.actor().domain;
    const ParsedPath path = TRY(parse_path(strings[0], home, SpecialPaths::Allowed));
    context.new_watch = TRY(context.client.add_watch(path, strings[1]));
    return ok_reply();
}

Reply handle_unwatch(RequestContext& context) {
    const auto strings = TRY(some_strings(context.request.payload, 2, 2));
    const DomainId home = context.client.actor().domain;
    const ParsedPath path = TRY(parse_path(strings[0], home, SpecialPaths::Allowed));
    if (const auto removed = context.client.remove_watch(path.absolute, strings[1]); !removed) {
        return std::unexpected{removed.error()};
    }
    return ok_reply();
}

Reply handle_reset_watches(RequestContext& context) {
    context.client.forget_everything();
    return ok_reply();
}

Reply handle_transaction_start(RequestContext& context) {
    if (context.transaction != nullptr) return std::unexpected{Error::Busy};
    const TransactionId id = TRY(context.client.start_transaction());
    std::string reply = std::to_string(id.raw);
    reply += '\0';
    return reply;
}

Reply handle_transaction_end(RequestContext& context) {
    const std::string_view how = TRY(single_string(context.request.payload));
    if (how != "T" && how != "F") return std::unexpected{Error::BadArgument};
    if (context.transaction == nullptr) return std::unexpected{Error::NotFound};
    if (const auto ended = context.client.end_transaction(context.transaction->id(), how == "T"); !ended) {
        return std::unexpected{ended.error()};
    }
    return ok_reply();
}

}  // namespace hvctld::store
