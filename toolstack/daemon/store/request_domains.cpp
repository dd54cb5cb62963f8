// Requests about domains.
#include <charconv>

#include "hvctl/try.hpp"
#include "store/engine.hpp"
#include "store/request_handlers.hpp"

namespace hvctld::store {

namespace {

template <class Number>
Result<Number> parse_number(std::string_view text) {
    Number number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, problem] = std::from_chars(text.data(), end, number);
    if (problem != std::errc{} || rest != end) return std::unexpected{Error::BadArgument};
    return number;
}

Reply acknowledge(const Result<void>& result) {
    if (!result) return std::unexpected{result.error()};
    return ok_reply();
}

Result<DomainId> only_domain(const RequestContext& context) {
    return parse_domain(TRY(single_string(context.request.payload)));
}

}  // namespace

Reply handle_introduce(RequestContext& context) {
    const auto strings = TRY(some_strings(context.request.payload, 3, 4));
    const DomainId domain = TRY(parse_domain(strings[0]));
    const auto gfn = TRY(parse_number<std::uint64_t>(strings[1]));
    const auto port = TRY(parse_number<std::uint32_t>(strings[2]));
    if (domain == kDom0 || port == 0) return std::unexpected{Error::BadArgument};
    const auto& map_ring = context.engine.options().map_ring;
    if (!map_ring) return std::unexpected{Error::NotSupported};
    std::optional<RingPort> ring = map_ring(domain, gfn, port);
    if (!ring) return std::unexpected{Error::BadArgument};
    return acknowledge(context.engine.introduce(domain, gfn, port, *std::move(ring)));
}

Reply handle_release(RequestContext& context) {
    const DomainId domain = TRY(only_domain(context));
    return acknowledge(context.engine.release(domain));
}

Reply handle_get_domain_path(RequestContext& context) {
    std::string path = home_path(TRY(only_domain(context)));
    path += '\0';
    return path;
}

Reply handle_is_introduced(RequestContext& context) {
    constexpr DomainId kSelf{0x7ff0};
    const DomainId domain = TRY(only_domain(context));
    const bool introduced = domain == kSelf || domain == kDom0 || context.engine.find_domain(domain) != nullptr;
    return std::string{introduced ? 'T' : 'F', '\0'};
}

// A domain that was shut down for a suspend goes on after all. Nothing was taken from it meanwhile.
Reply handle_resume(RequestContext& context) {
    const DomainId domain = TRY(only_domain(context));
    if (context.engine.find_domain(domain) == nullptr) return std::unexpected{Error::NotFound};
    return ok_reply();
}

Reply handle_set_target(RequestContext& context) {
    const auto strings = TRY(some_strings(context.request.payload, 2, 2));
    const DomainId domain = TRY(parse_domain(strings[0]));
    const DomainId target = TRY(parse_domain(strings[1]));
    return acknowledge(context.engine.set_target(domain, target));
}

}  // namespace hvctld::store
