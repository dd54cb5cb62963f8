#include <poll.h>

#include <cstdio>

#include "interrupts.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    bool clear = false;
    bool follow = false;
};

constexpr int kFollowMilliseconds = 250;

// hv's log carries lines that guests may have had a hand in.
void show(const Context& context, const std::string& text) {
    print(context.out.is_tty ? safe_for_terminal(text) : text);
}

// Prints what is there from `position` on and moves `position` past it.
Result<void> show_rest(Context& context, std::uint64_t& position, bool clear) {
    while (true) {
        LogPiece piece = TRY(TRY(context.manager())->read_hv_log(position, clear));
        show(context, piece.text);
        bool more = piece.next > position && !piece.text.empty();
        position = piece.next;
        if (!more) return {};
    }
}

Result<void> dmesg(Context& context, const Arguments& arguments) {
    std::uint64_t position = 0;
    TRY(show_rest(context, position, arguments.clear));
    if (!arguments.follow) return {};
    Interrupts interrupts;
    while (true) {
        TRY(finish_output());
        pollfd waiting{interrupts.descriptor(), POLLIN, 0};
        poll(&waiting, 1, kFollowMilliseconds);
        if (interrupts.take() != 0) return {};
        auto shown = show_rest(context, position, arguments.clear);
        if (!shown && shown.error().code == ExitCode::Unreachable) {
            bool left = false;
            const auto connected =
                context.reconnect(Context::kPatience, [&] { return !(left = left || interrupts.take() != 0); });
            if (left) return {};
            TRY(Result<Manager*>{connected});
        } else {
            TRY(std::move(shown));
        }
    }
}

}  // namespace

void add_dmesg(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("dmesg", Topic::Host, "print hv's log");
    verb.description =
        "Prints the log of the hypervisor: its boot, what it has to say about guests, and what debug keys dumped.";
    verb.examples = "hvctl dmesg\nhvctl dmesg --follow";
    verb.flag("--clear", "-c", arguments->clear, "forget the log once it is printed");
    verb.flag("--follow", "-f", arguments->follow, "go on with what is logged from now on; Ctrl-C ends it");
    verb.run = [arguments, &context] { return dmesg(context, *arguments); };
}

}  // namespace hvctl::cli
