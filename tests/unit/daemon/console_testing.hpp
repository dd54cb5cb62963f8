// A guest's console on the fake hypervisor.
#pragma once

#include <sys/socket.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "console/console.hpp"
#include "testing.hpp"

namespace hvctld::test {

inline constexpr DomainId kGuest{1};
inline constexpr Mfn kConsoleFrame{1000};  // the fake hypervisor's first pair of rings
inline constexpr EventPort kGuestPort{2};

class ConsoleTest : public testing::Test {
  protected:
    ConsoleTest() {
        hvctl::DomainLimits limits;
        limits.max_frames = 1000;
        EXPECT_TRUE(hypervisor.create_domain(abi::DomainType::Pv, {}, limits));
        hvctl::PvSpec spec;
        spec.domain = kGuest;
        const auto built = hypervisor.build({}, spec, [](auto...) {}, {});
        EXPECT_TRUE(built);
        EXPECT_EQ(built->rings.console_port, kGuestPort);
        settings.log_size = 1ull << 20;
        events = std::make_unique<EventHub>(loop, hypervisor);
        make();
    }
    ~ConsoleTest() override {
        console.reset();
        events.reset();
        loop.run_once(false);
    }

    void make() {
        console.reset();
        console = std::move(
            Console::create(loop, disk, *events, {folder / "log", folder / "journal"}, "web1", settings).value());
    }
    void attach(bool resume = false) {
        const auto attached = console->attach(kGuest, kConsoleFrame, kGuestPort, resume);
        ASSERT_TRUE(attached) << attached.error().text();
    }
    Result<void> prepare(bool anew) {
        std::optional<Result<void>> outcome;
        console->prepare_run(anew, [&](const Result<void>& ready) { outcome = ready; });
        while (!outcome) loop.run_once();
        return *outcome;
    }
    ConsoleRingPage& page() { return hypervisor.domains.at(1).console_page(); }
    void turn(int rounds = 20) {
        for (int i = 0; i < rounds; ++i) {
            loop.run_once(false);
            while (console && console->waits_for_disk()) loop.run_once();
        }
    }
    std::string log_text() {
        std::ifstream file{folder / "log/web1.log", std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    // What a client can read now.
    std::string received(const UniqueFd& fd) {
        std::string text;
        for (int quiet = 0; quiet < 10;) {
            turn(2);
            char buffer[4096];
            const ssize_t got = recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (got > 0) {
                text.append(buffer, static_cast<std::size_t>(got));
                quiet = 0;
            } else {
                ++quiet;
            }
        }
        return text;
    }
    bool at_end(const UniqueFd& fd) {
        turn();
        char byte = 0;
        return recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0;
    }
    // What a client is answered.
    Result<UniqueFd> ask(ConsoleMode mode, std::uint64_t history = 1 << 20) {
        return answer_to([&](Console::Opened done) { console->open(mode, history, std::move(done)); });
    }
    Result<UniqueFd> ask_for_log() {
        return answer_to([&](Console::Opened done) { console->open_log(std::move(done)); });
    }
    UniqueFd open(ConsoleMode mode, std::uint64_t history = 1 << 20) {
        auto fd = ask(mode, history);
        EXPECT_TRUE(fd) << fd.error().text();
        return fd ? std::move(*fd) : UniqueFd{};
    }

    TemporaryFolder folder;
    Loop loop;
    DiskThread disk{loop};
    FakeHypervisor hypervisor;
    config::ConsoleSettings settings;
    std::unique_ptr<EventHub> events;
    std::unique_ptr<Console> console;

  private:
    template <class Ask>
    Result<UniqueFd> answer_to(Ask ask) {
        std::optional<Result<UniqueFd>> answer;
        ask([&](Result<UniqueFd> opened) { answer.emplace(std::move(opened)); });
        while (!answer) loop.run_once();
        return std::move(*answer);
    }
};

}  // namespace hvctld::test
