#include "store/requests.hpp"

#include <array>
#include <charconv>

#include "store/engine.hpp"
#include "store/request_handlers.hpp"

namespace hvctld::store {

namespace {

enum class For : bool { Everybody, Dom0 };

struct Entry {
    MessageType type;
    Handler handler;
    For whom;
};

constexpr std::array kEntries{
    Entry{MessageType::Control, handle_control, For::Dom0},
    Entry{MessageType::Directory, handle_directory, For::Everybody},
    Entry{MessageType::Read, handle_read, For::Everybody},
    Entry{MessageType::GetPermissions, handle_get_permissions, For::Everybody},
    Entry{MessageType::Watch, handle_watch, For::Everybody},
    Entry{MessageType::Unwatch, handle_unwatch, For::Everybody},
    Entry{MessageType::TransactionStart, handle_transaction_start, For::Everybody},
    Entry{MessageType::TransactionEnd, handle_transaction_end, For::Everybody},
    Entry{MessageType::Introduce, handle_introduce, For::Dom0},
    Entry{MessageType::Release, handle_release, For::Dom0},
    Entry{MessageType::GetDomainPath, handle_get_domain_path, For::Everybody},
    Entry{MessageType::Write, handle_write, For::Everybody},
    Entry{MessageType::MakeDirectory, handle_mkdir, For::Everybody},
    Entry{MessageType::Remove, handle_remove, For::Everybody},
    Entry{MessageType::SetPermissions, handle_set_permissions, For::Everybody},
    Entry{MessageType::IsDomainIntroduced, handle_is_introduced, For::Everybody},
    Entry{MessageType::Resume, handle_resume, For::Dom0},
    Entry{MessageType::SetTarget, handle_set_target, For::Dom0},
    Entry{MessageType::ResetWatches, handle_reset_watches, For::Everybody},
    Entry{MessageType::DirectoryPart, handle_directory_part, For::Everybody},
};

Reply dispatch(RequestContext& context) {
    const MessageHeader& header = context.request.header;
    for (const Entry& entry : kEntries) {
        if (static_cast<std::uint32_t>(entry.type) != header.type) continue;
        if (header.transaction != 0) {
            context.transaction = context.client.find_transaction({header.transaction});
            if (context.transaction == nullptr) return std::unexpected{Error::NotFound};
        }
        if (entry.whom == For::Dom0 && !context.client.actor().privileged()) {
            return std::unexpected{Error::NotPermitted};
        }
        return entry.handler(context);
    }
    return std::unexpected{Error::NotSupported};
}

}  // namespace

void handle_request(Engine& engine, WireClient& client, const Request& request) {
    ++engine.accounts().of(client.actor().domain).requests;
    RequestContext context{engine, client, request};
    Reply reply = dispatch(context);
    if (reply && reply->size() > kMaxPayload) reply = std::unexpected{Error::TooBig};
    if (!reply) {
        std::string name{wire_name(reply.error())};
        name += '\0';
        client.reply(request, MessageType::Error, name);
        return;
    }
    client.reply(request, static_cast<MessageType>(request.header.type), *reply);
    if (context.new_watch != nullptr) client.deliver(*context.new_watch, context.new_watch->path, true);
}

Result<std::string_view> single_string(std::string_view payload) {
    if (payload.empty() || payload.find('\0') != payload.size() - 1) return std::unexpected{Error::BadArgument};
    return payload.substr(0, payload.size() - 1);
}

Result<DomainId> parse_domain(std::string_view text) {
    DomainId domain;
    const char* const end = text.data() + text.size();
    const auto [rest, problem] = std::from_chars(text.data(), end, domain.raw);
    if (problem != std::errc{} || rest != end) return std::unexpected{Error::BadArgument};
    return domain;
}

Result<std::vector<std::string_view>> some_strings(std::string_view payload, std::size_t least, std::size_t most) {
    auto strings = split_strings(payload);
    if (!strings || strings->size() < least || strings->size() > most) return std::unexpected{Error::BadArgument};
    return *std::move(strings);
}

}  // namespace hvctld::store
