#include <chrono>
#include <optional>
#include <thread>

#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain, size;
    bool wait = false;
};

constexpr std::uint64_t kNear = 4 << 20;  // a kernel's own count differs by a few frames
constexpr auto kLook = std::chrono::milliseconds{200};
constexpr auto kPatience = std::chrono::seconds{30};

// As it is now, over a connection that may have been lost meanwhile.
Result<Properties> look(Context& context, const std::string& domain) {
    auto found = TRY(context.manager())->get_domain(domain);
    if (found || found.error().code != ExitCode::Unreachable) return found;
    return TRY(context.reconnect())->get_domain(domain);
}

// Until the guest has come near, or has not come nearer for long.
Result<void> wait_for(Context& context, const Arguments& arguments, std::uint64_t wanted) {
    auto last_gain = std::chrono::steady_clock::now();
    std::optional<std::uint64_t> least;
    while (true) {
        const Properties domain = TRY(look(context, arguments.domain));
        if (!domain.has("domid")) {
            if (!least) return {};  // from its next start on
            return fail(ExitCode::Failed, domain.text("name") + " has ended meanwhile");
        }
        const std::uint64_t has = domain.number("memory");
        const std::uint64_t distance = has > wanted ? has - wanted : wanted - has;
        if (distance <= kNear) return {};
        const auto now = std::chrono::steady_clock::now();
        if (!least || distance < *least) {
            least = distance;
            last_gain = now;
        } else if (now - last_gain > kPatience) {
            return fail(ExitCode::Failed, domain.text("name") + " has " + format_bytes(has) +
                                              " and comes no nearer: its balloon driver cannot, or it has none; what "
                                              "is asked of it stays");
        }
        std::this_thread::sleep_for(kLook);
    }
}

Result<void> set(Context& context, const Arguments& arguments) {
    const auto bytes = parse_bytes(arguments.size);
    if (!bytes || *bytes == 0)
        return fail(ExitCode::Usage, "mem-set: SIZE is a size such as 512MiB, not '" + arguments.size + "'");
    TRY(TRY(context.manager())->set_memory(arguments.domain, *bytes));
    return arguments.wait ? wait_for(context, arguments, *bytes) : Result<void>{};
}

}  // namespace

void add_mem_set(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("mem-set", Topic::Resources, "choose how much memory a domain has");
    verb.description =
        "Asks the guest's balloon driver to give memory back, or to take some, until the domain has SIZE: up to its "
        "max_memory. What it is to get is set aside for it at once; it cannot take more by itself.\n"
        "It is remembered; a domain that does not run has it from its next start on.";
    verb.examples = "hvctl mem-set web1 512MiB\nhvctl mem-set --wait web1 1GiB";
    verb.positional("DOMAIN", Complete::Guest, arguments->domain, "name, id or UUID");
    verb.positional("SIZE", Complete::Nothing, arguments->size, "how much it is to have, such as 512MiB");
    verb.flag("--wait", "-w", arguments->wait, "wait until the guest has it, or does not come nearer for 30 s");
    verb.run = [arguments, &context] { return set(context, *arguments); };
}

}  // namespace hvctl::cli
