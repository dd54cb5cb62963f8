// Requests about nodes.
#include <charconv>

#include "hvctl/try.hpp"
#include "store/engine.hpp"
#include "store/request_handlers.hpp"

namespace hvctld::store {

namespace {

constexpr std::size_t kAnyNumber = kMaxPayload;

Result<std::string> node_path(const RequestContext& context, std::string_view text) {
    return TRY(parse_path(text, context.client.actor().domain, SpecialPaths::Refused)).absolute;
}

Result<std::string> only_path(const RequestContext& context) {
    return node_path(context, TRY(single_string(context.request.payload)));
}

Reply acknowledge(const Result<void>& result) {
    if (!result) return std::unexpected{result.error()};
    return ok_reply();
}

}  // namespace

Reply handle_directory(RequestContext& context) {
    const std::string path = TRY(only_path(context));
    const Node* const node = TRY(context.engine.content().fetch(context.scope(), path, Access::Read, Looked::Children));
    if (node->children.list_bytes() > kMaxPayload) return std::unexpected{Error::TooBig};
    std::string names;
    node->children.visit_from(0, [&](const std::string& name, const Node&) {
        names += name;
        names += '\0';
        return true;
    });
    return names;
}

// The generation, then children from byte `offset` of the whole listing as far as they fit; an empty name ends the
// listing.
Reply handle_directory_part(RequestContext& context) {
    const auto strings = TRY(some_strings(context.request.payload, 2, 2));
    const std::string path = TRY(node_path(context, strings[0]));
    std::uint64_t offset = 0;
    const char* const end = strings[1].data() + strings[1].size();
    const auto [rest, problem] = std::from_chars(strings[1].data(), end, offset);
    if (problem != std::errc{} || rest != end) return std::unexpected{Error::BadArgument};
    const Node* const node = TRY(context.engine.content().fetch(context.scope(), path, Access::Read, Looked::Children));
    std::string reply = std::to_string(node->children_generation);
    reply += '\0';
    bool complete = true;
    node->children.visit_from(offset, [&](const std::string& name, const Node&) {
        complete = reply.size() + name.size() + 2 <= kMaxPayload;  // its NUL and the empty name that ends the listing
        if (complete) {
            reply += name;
            reply += '\0';
        }
        return complete;
    });
    if (complete) reply += '\0';
    return reply;
}

Reply handle_read(RequestContext& context) {
    const std::string path = TRY(only_path(context));
    return TRY(context.engine.content().fetch(context.scope(), path, Access::Read, Looked::Value))->value;
}

Reply handle_write(RequestContext& context) {
    const std::string_view payload = context.request.payload;
    const std::size_t end = payload.find('\0');
    if (end == std::string_view::npos) return std::unexpected{Error::BadArgument};
    const std::string path = TRY(node_path(context, payload.substr(0, end)));
    return acknowledge(context.engine.content().write(context.scope(), path, std::string{payload.substr(end + 1)}));
}

Reply handle_mkdir(RequestContext& context) {
    const std::string path = TRY(only_path(context));
    return acknowledge(context.engine.content().mkdir(context.scope(), path));
}

Reply handle_remove(RequestContext& context) {
    const std::string path = TRY(only_path(context));
    return acknowledge(context.engine.content().remove(context.scope(), path));
}

Reply handle_get_permissions(RequestContext& context) {
    const std::string_view text = TRY(single_string(context.request.payload));
    const DomainId home = context.client.actor().domain;
    const ParsedPath path = TRY(parse_path(text, home, SpecialPaths::Allowed));
    if (path.special && !context.client.actor().privileged()) return std::unexpected{Error::NotPermitted};
    const Permissions permissions = path.special
                                        ? context.engine.special_permissions(path.absolute)
                                        : TRY(context.engine.content().permissions(context.scope(), path.absolute));
    std::string reply;
    for (const PermissionEntry& entry : permissions) {
        reply += format_permission(entry);
        reply += '\0';
    }
    return reply;
}

Reply handle_set_permissions(RequestContext& context) {
    const auto strings = TRY(some_strings(context.request.payload, 2, kAnyNumber));
    const DomainId home = context.client.actor().domain;
    const ParsedPath path = TRY(parse_path(strings[0], home, SpecialPaths::Allowed));
    Permissions permissions;
    for (std::size_t i = 1; i < strings.size(); ++i) {
        const auto entry = parse_permission(strings[i]);
        if (!entry) return std::unexpected{Error::BadArgument};
        permissions.push_back(*entry);
    }
    if (!path.special) {
        return acknowledge(
            context.engine.content().set_permissions(context.scope(), path.absolute, std::move(permissions)));
    }
    if (!context.client.actor().privileged()) return std::unexpected{Error::NotPermitted};
    context.engine.set_special_permissions(path.absolute, std::move(permissions));
    return ok_reply();
}

}  // namespace hvctld::store
