#include "console/attach.hpp"

#include <unistd.h>

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

bool is_alive(const std::string& state) {
    return state == "running" || state == "blocked" || state == "paused" || state == "starting";
}

// What is told to a person must begin a line of its own, raw mode or not.
void tell(const Context& context, const std::string& text) {
    if (context.err.is_tty) std::fputs(("\r\n" + safe_for_terminal(text) + "\r\n").c_str(), stderr);
}

std::string how_it_ended(const Properties& domain) {
    std::string reason = domain.text("shutdown_reason");
    return reason.empty() ? domain.text("state", "gone") : reason;
}

enum class Next { Reattach, Stop };

// The stream has been closed: by the guest's end or reboot, by hvctld's restart, or because somebody took it over.
Result<Next> after_close(Context& context, const std::string& name, std::uint64_t& domain_id) {
    auto domain = TRY(context.manager())->get_domain(name);
    bool restarted = false;
    if (!domain && domain.error().code == ExitCode::Unreachable) {
        tell(context, "[hvctld has gone; waiting for it to come back]");
        domain = TRY(context.reconnect())->get_domain(name);
        restarted = true;
    }
    if (!domain && domain.error().code == ExitCode::NotFound) {
        tell(context, "[domain " + name + " has ended]");
        return Next::Stop;
    }
    Properties found = TRY(std::move(domain));
    if (!is_alive(found.text("state"))) {
        tell(context, "[domain " + name + " has ended: " + how_it_ended(found) + "]");
        return Next::Stop;
    }
    bool rebooted = found.number("domid", domain_id) != domain_id || found.text("state") == "starting";
    if (!restarted && !rebooted) {
        return fail(ExitCode::Busy, "the console of " + name + " was taken over by somebody else");
    }
    domain_id = found.number("domid", domain_id);
    return Next::Reattach;
}

}  // namespace

Result<void> attach_console(Context& context, Attach attach) {
    using namespace std::chrono_literals;
    bool input_open = true;
    bool writable = attach.mode != "read";
    Properties domain = TRY(TRY(context.manager())->get_domain(attach.domain));
    std::string name = domain.text("name", attach.domain);
    std::uint64_t domain_id = domain.number("domid");
    std::optional<RawMode> terminal;

    while (true) {
        Manager* manager = TRY(context.manager());
        Descriptor stream(TRY(manager->open_console(name, attach.mode, attach.history)));
        if (attach.when_open) TRY_VOID(std::exchange(attach.when_open, nullptr)(*manager));
        if (!terminal) {
            std::fflush(stdout);
            if (context.err.is_tty) {
                std::string line = "Connected to " + name + (writable ? "" : " (read-only)") + ". Ctrl-] leaves.\n";
                std::fputs(line.c_str(), stderr);
            }
            terminal.emplace(STDIN_FILENO, !writable);
        }
        SessionEnd end = TRY(run_session({.input = STDIN_FILENO, .output = STDOUT_FILENO, .stream = stream.number(),
                                          .writable = writable, .input_open = input_open}, *terminal));
        if (end == SessionEnd::Left) {
            if (terminal->active()) tell(context, "[left " + name + "]");
            return {};
        }
        if (end == SessionEnd::Interrupted) return fail(ExitCode::Interrupted, "");
        if (TRY(after_close(context, name, domain_id)) == Next::Stop) return {};
        attach.history = 0;  // seen already
        std::this_thread::sleep_for(250ms);  // a domain that keeps dying must not make this a busy loop
    }
}

}  // namespace hvctl::cli
