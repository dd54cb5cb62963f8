#include "bus/authority.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "bus/guarded.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

constexpr const char* kBroker = "org.freedesktop.DBus";
constexpr const char* kBrokerPath = "/org/freedesktop/DBus";
constexpr const char* kPolkit = "org.freedesktop.PolicyKit1";
constexpr const char* kPolkitPath = "/org/freedesktop/PolicyKit1/Authority";
constexpr const char* kPolkitInterface = "org.freedesktop.PolicyKit1.Authority";
constexpr std::uint32_t kAllowUserInteraction = 1;
constexpr const char* kUnknown = "the bus does not say who calls";

std::string cancellation_id(std::uint64_t id) {
    return fmt::format("hvctld-{}", id);
}

bool is_absent(const sd_bus_error& error) {
    return sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN) != 0 ||
           sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) != 0;
}

Result<Message> new_call(sd_bus* bus, const char* service, const char* path, const char* interface,
                         const char* member) {
    sd_bus_message* raw = nullptr;
    if (const int status = sd_bus_message_new_method_call(bus, &raw, service, path, interface, member); status < 0)
        return fail_errno(-status, member);
    return Message{raw};
}

// Adds to `weight` about what the rest of the call takes to keep; stops beyond `most`.
int weigh(sd_bus_message* call, std::size_t& weight, std::size_t most) {
    constexpr std::size_t kValue = 16;
    char type = 0;
    const char* content = nullptr;
    int status = 0;
    while (weight <= most && (status = sd_bus_message_peek_type(call, &type, &content)) > 0) {
        weight += kValue;
        if (std::string_view{"arev"}.find(type) != std::string_view::npos) {
            const std::string inner = content;
            if (status = sd_bus_message_enter_container(call, type, inner.c_str()); status < 0) return status;
            if (status = weigh(call, weight, most); status < 0) return status;
            if (weight > most) return 0;
            status = sd_bus_message_exit_container(call);
        } else if (std::string_view{"sog"}.find(type) != std::string_view::npos) {
            const char* text = nullptr;
            status = sd_bus_message_read_basic(call, type, &text);
            if (status > 0) weight += std::string_view{text}.size();
        } else {
            std::uint64_t value = 0;  // the largest of them
            status = sd_bus_message_read_basic(call, type, &value);
        }
        if (status < 0) return status;
    }
    return status;
}

struct Verdict {
    bool granted = false;
    bool challenge = false;  // would be granted to a user who authenticates himself
    bool dismissed = false;
};

// (bba{ss})
int read_verdict(sd_bus_message* reply, Verdict& verdict) {
    int granted = 0;
    int challenge = 0;
    int status = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
    if (status > 0) status = sd_bus_message_read(reply, "bb", &granted, &challenge);
    if (status > 0) status = sd_bus_message_enter_container(reply, 'a', "{ss}");
    if (status < 0) return status;
    const char* key = nullptr;
    const char* value = nullptr;
    while ((status = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0)
        verdict.dismissed = verdict.dismissed || std::string_view{key} == "polkit.dismissed";
    verdict.granted = granted != 0;
    verdict.challenge = challenge != 0;
    return status;
}

struct ActionWords {
    const char* id;    // what a rule of polkit's is written for
    const char* what;  // what a user is told that he may not do
};

ActionWords words_of(Action action) {
    switch (action) {  // no default: the compiler names a missing case
        case Action::View: return {"org.hvctl1.view", "looking at domains and the host"};
        case Action::Control: return {"org.hvctl1.control", "controlling domains"};
        case Action::Define: return {"org.hvctl1.define", "defining domains"};
        case Action::Console: return {"org.hvctl1.console", "using the consoles of domains"};
        case Action::Host: return {"org.hvctl1.host", "what concerns the whole host"};
    }
    return {};
}

std::string what_of(Action action) {
    const ActionWords words = words_of(action);
    return fmt::format("{} ({})", words.what, words.id);
}

Error refusal_of(const Verdict& verdict, bool interactive, Action action) {
    const std::string what = what_of(action);
    if (verdict.dismissed)
        return {ErrorId::AccessDenied, fmt::format("{}: the question for a password was dismissed", what)};
    if (!verdict.challenge) {
        return {ErrorId::AccessDenied,
                fmt::format("{}: the host's rules do not allow it to you; run it with sudo, as root, or have a rule of "
                            "polkit's allow it, see hvctld(8)",
                            what)};
    }
    if (!interactive) {
        return {ErrorId::AuthorizationRequired,
                fmt::format("{} must be authorised: allow interactive authorization in the call, or run it with sudo, "
                            "as root",
                            what)};
    }
    return {ErrorId::AccessDenied,
            fmt::format("{} must be authorised, and no agent of polkit's was there to ask for the password, or it was "
                        "wrong; run it with sudo, as root, or start an agent (pkttyagent)",
                        what)};
}

}  // namespace

// A call whose caller is being looked at.
struct Authority::Question {
    Authority* owner;
    std::uint64_t id;
    std::shared_ptr<sd_bus_message> call;
    Action action;
    Granted granted;
    std::size_t weight;
    std::optional<uid_t> user;  // polkit has been asked about him
    Slot answer;                // that is waited for

    [[nodiscard]] std::string_view sender() const { return sd_bus_message_get_sender(call.get()); }
    [[nodiscard]] bool interactive() const {
        return sd_bus_message_get_allow_interactive_authorization(call.get()) > 0;
    }
};

std::string action_id(Action action) {
    return words_of(action).id;
}

Authority::Authority(sd_bus* bus, Rules rules, std::function<void(std::string_view)> left)
    : bus_{bus}, rules_{std::move(rules)}, left_{std::move(left)} {
    if (!rules_.trusted) rules_.trusted = [](uid_t user) { return user == 0 || user == geteuid(); };
}

Authority::~Authority() = default;

Result<std::unique_ptr<Authority>> Authority::create(sd_bus* bus, Rules rules,
                                                     std::function<void(std::string_view sender)> left) {
    std::unique_ptr<Authority> authority{new Authority{bus, std::move(rules), std::move(left)}};
    // One rule for all clients: the broker's rules are limited.
    const std::string rule =
        fmt::format("type='signal',sender='{0}',path='{1}',interface='{0}',member='NameOwnerChanged',arg2=''", kBroker,
                    kBrokerPath);
    sd_bus_slot* slot = nullptr;
    const int status = sd_bus_add_match_async(
        bus, &slot, rule.c_str(),
        [](sd_bus_message* signal, void* context, sd_bus_error*) noexcept {
            const char* name = nullptr;
            if (sd_bus_message_read(signal, "s", &name) > 0) static_cast<Authority*>(context)->client_left(name);
            return 0;
        },
        nullptr, authority.get());
    if (status < 0) return fail_errno(-status, "cannot watch the system bus's clients");
    authority->leaving_.reset(slot);
    return authority;
}

Result<void> Authority::ask(sd_bus_message* call, Action action, Granted granted) {
    const char* sender = sd_bus_message_get_sender(call);
    if (sender == nullptr) return fail(ErrorId::AccessDenied, kUnknown);
    TRY(require_room(kMostOfOneCaller, [&](const Question& other) { return other.sender() == sender; }));
    std::size_t weight = 0;
    if (const int status = weigh(call, weight, kMostBytes); status < 0) return fail_errno(-status, "malformed call");
    if (weight > kMostBytes) return fail(ErrorId::LimitReached, "the call is too long to wait for authorization");
    const auto question = std::make_shared<Question>(Question{
        this, ++last_, {sd_bus_message_ref(call), MessageUnref{}}, action, std::move(granted), weight, {}, {}});
    const Message who = TRY(new_call(bus_, kBroker, kBrokerPath, kBroker, "GetConnectionUnixUser"));
    if (const int status = sd_bus_message_append(who.get(), "s", sender); status < 0)
        return fail_errno(-status, kUnknown);
    return send<&Authority::user_known>(question, who, rules_.answer_us);
}

// Any user of the bus can send calls that have to be kept until they are decided: their number and size are limited.
template <class Whose>
Result<void> Authority::require_room(std::size_t most, Whose whose) {
    std::size_t count = 0;
    std::size_t bytes = 0;
    for (const auto& [id, question] : questions_) {
        if (!whose(*question)) continue;
        ++count;
        bytes += question->weight;
    }
    if (count < most && bytes <= kMostBytes) return {};
    return fail(ErrorId::LimitReached,
                fmt::format("{} calls of yours wait for authorization already ({} bytes)", count, bytes));
}

template <Authority::Answered then>
Result<void> Authority::send(const SharedQuestion& question, const Message& request, std::uint64_t patience_us) {
    sd_bus_slot* slot = nullptr;
    const int status = sd_bus_call_async(
        bus_, &slot, request.get(),
        [](sd_bus_message* reply, void* context, sd_bus_error*) noexcept {
            const auto* answered = static_cast<Question*>(context);
            Authority* self = answered->owner;
            // Waits no more, whatever comes of it; sd-bus keeps the slot until this returns.
            const auto node = self->questions_.extract(answered->id);
            (void)guarded(node.mapped()->call.get(), [&] { return (self->*then)(node.mapped(), reply); });
            return 0;
        },
        question.get(), patience_us);
    if (status < 0) return fail_errno(-status, sd_bus_message_get_member(request.get()));
    question->answer.reset(slot);
    questions_[question->id] = question;
    return {};
}

Result<void> Authority::user_known(const SharedQuestion& question, sd_bus_message* reply) {
    if (const sd_bus_error* error = sd_bus_message_get_error(reply); error != nullptr)
        return fail(ErrorId::AccessDenied, kUnknown);  // he may have left
    std::uint32_t user = 0;
    if (sd_bus_message_read(reply, "u", &user) <= 0) return fail(ErrorId::AccessDenied, kUnknown);
    return rules_.trusted(user) ? grant(*question, user) : ask_polkit(question, user);
}

Result<void> Authority::ask_polkit(const SharedQuestion& question, uid_t user) {
    TRY(require_room(kMostOfOneUser, [&](const Question& other) { return other.user == user; }));
    const Message check = TRY(new_call(bus_, kPolkit, kPolkitPath, kPolkitInterface, "CheckAuthorization"));
    const bool interactive = question->interactive();
    const int status =
        sd_bus_message_append(check.get(), "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                              sd_bus_message_get_sender(question->call.get()), action_id(question->action).c_str(), 0,
                              interactive ? kAllowUserInteraction : 0, cancellation_id(question->id).c_str());
    if (status < 0) return fail_errno(-status, "cannot ask polkit");
    question->user = user;
    return send<&Authority::polkit_answered>(question, check, interactive ? rules_.password_us : rules_.answer_us);
}

Result<void> Authority::polkit_answered(const SharedQuestion& question, sd_bus_message* reply) {
    const std::string what = what_of(question->action);
    if (const sd_bus_error* error = sd_bus_message_get_error(reply); error != nullptr) {
        if (is_absent(*error)) {
            return fail(ErrorId::AccessDenied,
                        fmt::format("{} is for root: polkit, which could allow it to others, is not there; run it with "
                                    "sudo, as root, or install polkitd",
                                    what));
        }
        take_back(*question);
        const char* said = error->message != nullptr ? error->message : error->name;
        log::warning("polkit: {}: {}", action_id(question->action), said);
        return fail(ErrorId::AccessDenied,
                    fmt::format("{} is for root: polkit, which could allow it to others, does not "
                                "answer as it should ({}); run it with sudo, as root",
                                what, said));
    }
    Verdict verdict;
    if (read_verdict(reply, verdict) < 0)
        return fail(ErrorId::AccessDenied, fmt::format("{}: polkit's answer is malformed", what));
    if (verdict.granted) return grant(*question, *question->user);
    return std::unexpected(refusal_of(verdict, question->interactive(), question->action));
}

Result<void> Authority::grant(const Question& question, uid_t caller) {
    sd_bus_message_rewind(question.call.get(), 1);
    return question.granted(question.call.get(), caller);
}

void Authority::take_back(const Question& question) {
    if (!question.user) return;
    const auto cancel = new_call(bus_, kPolkit, kPolkitPath, kPolkitInterface, "CancelCheckAuthorization");
    if (!cancel) return;
    if (sd_bus_message_append(cancel->get(), "s", cancellation_id(question.id).c_str()) < 0) return;
    (void)sd_bus_message_set_expect_reply(cancel->get(), 0);
    (void)sd_bus_message_set_auto_start(cancel->get(), 0);
    (void)sd_bus_send(bus_, cancel->get(), nullptr);
}

void Authority::client_left(std::string_view sender) {
    std::erase_if(questions_, [&](const auto& entry) {
        const bool his = entry.second->sender() == sender;
        if (his) take_back(*entry.second);
        return his;
    });
    left_(sender);
}

}  // namespace hvctld::bus
