// Who may call what on the system bus: root may everything, others what polkit grants them, for each kind of method by
// itself. The broker says who calls, polkit what he may; neither is ever waited for, and neither need be there.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.hpp"
#include "bus/message.hpp"

namespace hvctld::bus {

// The kinds of methods. Each is an action of polkit's, org.hvctl1.<name>, described in polkit/org.hvctl1.policy.
enum class Action : std::uint8_t {
    View,     // lists and properties
    Control,  // what is done to domains that there are
    Define,   // definitions; a kernel or an initrd may be any file of the host's
    Console,  // what guests print, and typing into them
    Host,     // what concerns the host and all of its domains
};
std::string action_id(Action action);

class Authority {
  public:
    struct Rules {
        // Users who may everything. By default root, and the user that the daemon runs as, for tests.
        std::function<bool(uid_t)> trusted;
        std::uint64_t answer_us = 30'000'000;     // for the broker, and for polkit when nobody is asked
        std::uint64_t password_us = 300'000'000;  // for polkit when it may ask the user
    };
    // Of the bus's connection, which must outlive it; calls that still wait are dropped with it. `left` runs when a
    // client leaves the bus, after those of its calls that waited here were dropped.
    static Result<std::unique_ptr<Authority>> create(sd_bus* bus, Rules rules,
                                                     std::function<void(std::string_view sender)> left);
    ~Authority();
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;

    // Runs `granted` later if the caller may; otherwise replies with AccessDenied or AuthorizationRequired.
    // LimitReached when he has too many calls that wait for this.
    using Granted = std::function<Result<void>(sd_bus_message* call, uid_t caller)>;
    Result<void> ask(sd_bus_message* call, Action action, Granted granted);

    static constexpr std::size_t kMostOfOneCaller = 16;
    static constexpr std::size_t kMostOfOneUser = 16;   // that polkit has been asked about; brokers let a client, as
                                                        // which we ask, wait for some hundred answers
    static constexpr std::size_t kMostBytes = 1 << 20;  // of a call, and of those that wait before another may; a
                                                        // domain file has a quarter of it

  private:
    struct Question;
    using SharedQuestion = std::shared_ptr<Question>;
    using Answered = Result<void> (Authority::*)(const SharedQuestion& question, sd_bus_message* reply);

    Authority(sd_bus* bus, Rules rules, std::function<void(std::string_view)> left);
    // Sends `request`, whose answer `then` takes.
    template <Answered then>
    Result<void> send(const SharedQuestion& question, const Message& request, std::uint64_t patience_us);
    template <class Whose>
    [[nodiscard]] Result<void> require_room(std::size_t most, Whose whose);
    Result<void> user_known(const SharedQuestion& question, sd_bus_message* reply);
    Result<void> ask_polkit(const SharedQuestion& question, uid_t user);
    Result<void> polkit_answered(const SharedQuestion& question, sd_bus_message* reply);
    Result<void> grant(const Question& question, uid_t caller);
    // Takes back what polkit was asked, so that no dialog stays open after its client has left.
    void take_back(const Question& question);
    void client_left(std::string_view sender);

    sd_bus* bus_;
    Rules rules_;
    std::function<void(std::string_view)> left_;
    Slot leaving_;
    std::uint64_t last_ = 0;
    std::map<std::uint64_t, SharedQuestion> questions_;  // that wait for an answer
};

}  // namespace hvctld::bus
