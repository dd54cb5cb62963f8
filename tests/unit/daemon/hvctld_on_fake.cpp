// The daemon's real bus, manager, registry, store and consoles over a hypervisor in memory: for tests of clients.
//   hvctld_on_fake --socket PATH [--state FOLDER] [--system-bus yes]
// Guests print a banner, echo what is typed, and stop when control/shutdown asks them to ("crash" typed crashes them).
// A kernel is any file that begins with KERN.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>

#include "bus/private_server.hpp"
#include "bus/system_bus.hpp"
#include "fake_hypervisor.hpp"

using namespace hvctld;

namespace {

class FakeGuests {
  public:
    FakeGuests(Loop& loop, test::FakeHypervisor& hypervisor, store::Store& store)
        : loop_{loop}, hypervisor_{hypervisor}, store_{store} {
        hypervisor_.on_unpause = [this](test::FakeDomain& domain) {
            const std::uint16_t domid = domain.info.domain;
            loop_.post([this, domid, cmdline = domain.cmdline] {
                say(domid, fmt::format("Linux version 0-fake\r\nCommand line: {}\r\nfake guest {} is up\r\n# ", cmdline,
                                       domid));
            });
        };
        hypervisor_.on_notify = [this](test::FakeDomain& domain) {
            const std::uint16_t domid = domain.info.domain;
            if (domain.typed.empty()) return;
            loop_.post([this, domid] { take_input(domid); });
        };
        store_.watch("/local/domain", "guests", [this](const std::string& path, const std::string&) { react(path); });
    }

  private:
    bool alive(std::uint16_t domid) const { return hypervisor_.domains.contains(domid); }

    void say(std::uint16_t domid, const std::string& text) {
        if (alive(domid)) hypervisor_.print(domid, text);
    }

    void take_input(std::uint16_t domid) {
        if (!alive(domid)) return;
        std::string typed = std::exchange(hypervisor_.domains.at(domid).typed, {});
        say(domid, typed);
        line_[domid] += typed;
        if (line_[domid].find("crash") != std::string::npos) stop(domid, abi::ShutdownReason::Crash);
        if (line_[domid].find("poweroff") != std::string::npos) stop(domid, abi::ShutdownReason::Poweroff);
        if (line_[domid].find("reboot") != std::string::npos) stop(domid, abi::ShutdownReason::Reboot);
    }

    void stop(std::uint16_t domid, abi::ShutdownReason reason) {
        line_.erase(domid);
        say(domid, "\r\nfake guest stops\r\n");
        hypervisor_.stop(domid, reason);
    }

    void react(const std::string& path) {
        unsigned domid = 0;
        char rest[32] = {};
        if (std::sscanf(path.c_str(), "/local/domain/%u/control/%31s", &domid, rest) != 2) return;
        if (std::string_view{rest} != "shutdown" || !alive(static_cast<std::uint16_t>(domid))) return;
        const auto request = store_.read(path);
        if (!request || request->empty()) return;
        const std::string wanted = *request;
        (void)store_.write(path, "");
        loop_.post([this, domid, wanted] {
            if (!alive(static_cast<std::uint16_t>(domid))) return;
            stop(static_cast<std::uint16_t>(domid),
                 wanted == "reboot" ? abi::ShutdownReason::Reboot : abi::ShutdownReason::Poweroff);
        });
    }

    Loop& loop_;
    test::FakeHypervisor& hypervisor_;
    store::Store& store_;
    std::map<std::uint16_t, std::string> line_;
};

int fail_with(const std::string& text) {
    std::fprintf(stderr, "hvctld_on_fake: %s\n", text.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::string socket;
    std::string state;
    bool brokered = false;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option{argv[i]};
        if (option == "--socket") socket = argv[i + 1];
        if (option == "--state") state = argv[i + 1];
        if (option == "--system-bus") brokered = std::string_view{argv[i + 1]} == "yes";
    }
    if (socket.empty()) return fail_with("usage: hvctld_on_fake --socket PATH [--state FOLDER] [--system-bus yes]");
    if (state.empty()) {
        std::string pattern = (std::filesystem::temp_directory_path() / "hvctld-on-fake-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) return fail_with("no temporary folder");
        state = pattern;
    }
    std::filesystem::create_directories(state);

    Loop loop;
    test::FakeHypervisor hypervisor;
    auto store = store::Store::create({});
    auto registry = Registry::open(state + "/state.db");
    if (!store || !registry) return fail_with(store ? registry.error().text() : store.error());
    {
        FakeGuests guests{loop, hypervisor, **store};
        Manager manager{loop,       hypervisor, **store,
                        **registry, {},         {{state + "/console", state + "/journal"}, "fake-boot"}};
        if (const auto recovered = manager.recover(); !recovered) return fail_with(recovered.error().text());
        bus::ManagerObject object{manager};
        const auto server = bus::PrivateServer::create(loop, object, socket);
        if (!server) return fail_with(server.error().text());
        const auto system_bus = brokered ? std::make_unique<bus::SystemBus>(loop, object) : nullptr;
        uv_signal_t terminate{};
        uv_signal_init(loop.raw(), &terminate);
        uv_signal_start(
            &terminate, [](uv_signal_t* handle, int) { uv_stop(handle->loop); }, SIGTERM);
        std::printf("serving %s, state in %s\n", socket.c_str(), state.c_str());
        std::fflush(stdout);
        loop.run();
        uv_close(reinterpret_cast<uv_handle_t*>(&terminate), nullptr);
        loop.run_once(false);
    }
    return 0;
}
