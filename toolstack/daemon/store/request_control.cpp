// XS_CONTROL: what `xenstore-control` sends. Dom0 only.
#include <charconv>

#include <fmt/format.h>

#include "hvctl/try.hpp"
#include "store/engine.hpp"
#include "store/request_handlers.hpp"

namespace hvctld::store {

namespace {

using Arguments = std::vector<std::string_view>;

std::string describe(const Quotas& quotas) {
    std::string text;
    for (std::size_t i = 0; i < kQuotaCount; ++i) {
        const auto quota = static_cast<Quota>(i);
        text += fmt::format("{:<18}{:>10}\n", quota_name(quota), quotas.get(quota));
    }
    return text;
}

Result<std::uint32_t> parse_limit(std::string_view text) {
    std::uint32_t limit = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, problem] = std::from_chars(text.data(), end, limit);
    if (problem != std::errc{} || rest != end) return std::unexpected{Error::BadArgument};
    return limit;
}

// quota | quota DOMAIN | quota set NAME LIMIT | quota set NAME LIMIT DOMAIN
Reply control_quota(RequestContext& context, const Arguments& arguments) {
    Engine& engine = context.engine;
    if (arguments.size() == 1) return describe(engine.accounts().defaults());
    if (arguments.size() == 2) return describe(engine.accounts().quotas(TRY(parse_domain(arguments[1]))));
    if (arguments[1] != "set" || arguments.size() < 4 || arguments.size() > 5) {
        return std::unexpected{Error::BadArgument};
    }
    const auto quota = quota_by_name(arguments[2]);
    if (!quota) return std::unexpected{Error::BadArgument};
    const std::uint32_t limit = TRY(parse_limit(arguments[3]));
    if (arguments.size() == 5) {
        engine.set_quota(TRY(parse_domain(arguments[4])), *quota, limit);
        return ok_reply();
    }
    Quotas quotas = engine.accounts().defaults();
    quotas.set(*quota, limit);
    engine.set_default_quotas(quotas);
    return ok_reply();
}

Reply control_print(RequestContext& context, const Arguments& arguments) {
    if (arguments.size() != 2) return std::unexpected{Error::BadArgument};
    context.engine.log().write(LogLevel::Info, fmt::format("store: client says: {}", arguments[1]));
    return ok_reply();
}

Reply control_stats(RequestContext& context) {
    const StoreStatistics statistics = context.engine.statistics();
    return fmt::format("nodes {}\nwatches {}\ndomains {}\ngeneration {}\njournal-bytes {}\ncompactions {}\n",
                       statistics.nodes, statistics.watches, context.engine.domains().size(), statistics.generation,
                       statistics.journal_bytes, statistics.compactions);
}

}  // namespace

Reply handle_control(RequestContext& context) {
    const Arguments arguments = TRY(some_strings(context.request.payload, 1, 8));
    Reply reply = std::unexpected{Error::BadArgument};
    if (arguments[0] == "help") reply = "help\nprint TEXT\nquota [DOMAIN]\nquota set NAME LIMIT [DOMAIN]\nstats\n";
    if (arguments[0] == "print") reply = control_print(context, arguments);
    if (arguments[0] == "quota") reply = control_quota(context, arguments);
    if (arguments[0] == "stats") reply = control_stats(context);
    if (reply && !reply->ends_with('\0')) *reply += '\0';
    return reply;
}

}  // namespace hvctld::store
