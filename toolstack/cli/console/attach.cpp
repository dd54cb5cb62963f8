#include "console/attach.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "console/raw_mode.hpp"
#include "console/session.hpp"

namespace hvctl::cli {
namespace {

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() { close(number_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return number_; }

  private:
    int number_;
};

// What is told to a person must begin a line of its own, raw mode or not.
void tell(const Context& context, const std::string& text) {
    if (context.err.is_tty) std::fputs(("\r\n" + safe_for_terminal(text) + "\r\n").c_str(), stderr);
}

std::string how_it_ended(const Properties& domain) {
    std::string reason = domain.text("shutdown_reason");
    return reason.empty() ? domain.text("state", "gone") : reason;
}

enum class Next { Reattach, Stop };

// What a domain is about to do once its stream has been closed.
enum class Outlook { Alive, Ended, Open };

Outlook outlook_of(const Properties& domain) {
    std::string state = domain.text("state");
    // Whether it is restarted shows when its job has ended.
    if (domain.number("job") != 0 || state == "dying" || state == "starting") return Outlook::Open;
    return state == "shutdown" || state == "crashed" || state == "crashloop" || state == "stopped" ? Outlook::Ended
                                                                                                   : Outlook::Alive;
}

// How long to look for what becomes of the domain, in steps of kStep. A domain that looks settled gets some steps, too:
// the stream may close just before hvctld decides what to do.
constexpr auto kStep = std::chrono::milliseconds(200);
constexpr int kSettledSteps = 5;
constexpr int kAllSteps = 150;

// The stream has been closed: by the guest's end, by a restart of the guest or of hvctld.
Result<Next> after_close(Context& context, const std::string& name, std::uint64_t& domain_id) {
    bool restarted = false;
    int settled = 0;
    Properties found;
    for (int step = 0; step < kAllSteps && settled < kSettledSteps; ++step) {
        auto domain = TRY(context.manager())->get_domain(name);
        if (!domain && domain.error().code == ExitCode::Unreachable) {
            if (!restarted) tell(context, "[hvctld has gone; waiting for it to come back]");
            restarted = true;
            TRY(context.reconnect());
            std::this_thread::sleep_for(kStep);  // it may answer before it is ready
            continue;
        }
        if (!domain && domain.error().code == ExitCode::NotFound) {
            tell(context, "[domain " + name + " has ended]");
            return Next::Stop;
        }
        found = TRY(std::move(domain));
        Outlook outlook = outlook_of(found);
        bool another = found.number("domid", domain_id) != domain_id;
        if (outlook == Outlook::Alive && (another || restarted)) {
            domain_id = found.number("domid", domain_id);
            if (restarted)
                tell(context, "[it is back; 'hvctl console --history " + name + "' has what was said meanwhile]");
            return Next::Reattach;
        }
        if (outlook == Outlook::Ended && !found.has("domid")) break;
        settled = outlook == Outlook::Open ? 0 : settled + 1;
        std::this_thread::sleep_for(kStep);
    }
    if (outlook_of(found) == Outlook::Alive) {
        return fail(ExitCode::Failed, "hvctld has closed the console of " + name +
                                          ", although the domain runs\n'hvctl console " + name + "' attaches again.");
    }
    tell(context, "[domain " + name + " has ended: " + how_it_ended(found) + "]");
    return Next::Stop;
}

// The console of a domain that does not run and is not about to has nothing at its other end.
Result<void> require_life(const Properties& domain, const std::string& name) {
    if (domain.has("domid") && domain.number("domid") == 0) {
        return fail(
            ExitCode::Failed,
            name + " is this system itself: its console is the machine's\n'hvctl dmesg' prints what hv says there.");
    }
    if (domain.has("domid") || domain.number("job") != 0 || domain.text("state") == "starting") return {};
    return fail(ExitCode::Failed, "domain " + name + " does not run (" + domain.text("state", "stopped") +
                                      "), so nobody is at its console\n'hvctl console --history " + name +
                                      "' prints what it said until it ended, 'hvctl start " + name +
                                      "' starts it again.");
}

// hvctld says which client is in the way; what to do about it is said with hvctl's options.
Failure in_words_of_hvctl(Failure failure, const std::string& name) {
    if (failure.code != ExitCode::Busy) return failure;
    const std::string code = failure.message.substr(0, failure.message.find(' '));
    failure.message = (code.starts_with("HV-E") ? code + ' ' : "") + "somebody else writes to the console of " + name +
                      "\n'hvctl console --read-only " + name + "' watches; 'hvctl console --steal " + name +
                      "' takes it over, and they go on reading.";
    return failure;
}

// How much of what the stream is about to bring has been printed before.
std::uint64_t bytes_before(Manager& manager, const std::string& name, std::uint64_t history) {
    auto log = history == 0 ? Result<int>(fail(ExitCode::NotFound, "")) : manager.open_console_log(name);
    if (!log) return 0;
    Descriptor descriptor(*log);
    struct stat status {};
    if (fstat(descriptor.number(), &status) != 0) return 0;
    return std::min(history, static_cast<std::uint64_t>(status.st_size));
}

}  // namespace

Result<void> attach_console(Context& context, Attach attach) {
    const bool writable = attach.mode != "read";
    // Watching alone needs no keys: into a file, or in the background, the terminal is left alone.
    const bool takes_terminal =
        isatty(STDIN_FILENO) == 1 && (writable || (context.out.is_tty && in_foreground(STDIN_FILENO)));
    bool input_open = takes_terminal || isatty(STDIN_FILENO) != 1;
    Properties domain = TRY(TRY(context.manager())->get_domain(attach.domain));
    std::string name = domain.text("name", attach.domain);
    TRY(require_life(domain, name));
    std::uint64_t domain_id = domain.number("domid");
    std::optional<RawMode> terminal;

    while (true) {
        Manager* manager = TRY(context.manager());
        const bool answers = writable && context.out.is_tty && takes_terminal;
        const std::uint64_t old = answers ? bytes_before(*manager, name, attach.history) : 0;
        auto opened = manager->open_console(name, attach.mode, attach.history);
        if (!opened) return std::unexpected(in_words_of_hvctl(std::move(opened.error()), name));
        Descriptor stream(*opened);
        if (attach.when_open) TRY(std::exchange(attach.when_open, nullptr)(*manager));
        if (!terminal) {
            std::fflush(stdout);
            if (context.err.is_tty) {
                std::string line = "Connected to " + name + (writable ? "" : " (read-only)") +
                                   (takes_terminal ? ". Ctrl-] leaves.\n" : ". Ctrl-C leaves.\n");
                std::fputs(line.c_str(), stderr);
            }
            terminal.emplace(takes_terminal ? STDIN_FILENO : -1, !writable);
        }
        SessionEnd end = TRY(run_session({.input = STDIN_FILENO,
                                          .output = STDOUT_FILENO,
                                          .stream = stream.number(),
                                          .writable = writable,
                                          .old = old,
                                          .input_open = input_open},
                                         *terminal));
        if (end != SessionEnd::Closed && terminal->active()) tell(context, "[left " + name + "]");
        if (end == SessionEnd::Left) return {};
        if (end == SessionEnd::Interrupted) return fail(ExitCode::Interrupted, "");
        terminal->suspend();  // while there is no console, Ctrl-C must end the waiting
        if (TRY(after_close(context, name, domain_id)) == Next::Stop) return {};
        attach.history = 0;  // seen already
        terminal->resume();
    }
}

}  // namespace hvctl::cli
