// The daemon's real bus, manager, registry, store and consoles over a hypervisor in memory: for tests of clients, and
// of what a kill leaves.
//   hvctld_on_fake --socket PATH [--state FOLDER] [--system-bus yes] [--hold VERB/PHASE]
// Guests print a banner, echo what is typed, and stop when control/shutdown asks them to ("crash" typed crashes them).
// A kernel is any file that begins with KERN. Everything is in FOLDER: the hypervisor's domains are in a file that is
// mapped, so that they go on where the next process begins; the store is served on FOLDER/xenstored. With --hold the
// process says "held" when a job of that verb enters that phase, and stands still.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>

#include "bus/private_server.hpp"
#include "bus/system_bus.hpp"
#include "fake_hypervisor.hpp"
#include "store/socket_server.hpp"

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
        store_.watch("/local/domain", "guests", [this](const std::string& path, const std::string&) {
            loop_.post([this, path] { react(path); });
        });
        // Those of a process before this one may have been asked when it was killed.
        for (const auto& [domid, domain] : hypervisor_.domains)
            loop_.post([this, path = request_path(domid)] { react(path); });
    }

  private:
    static std::string request_path(std::uint16_t domid) {
        return fmt::format("/local/domain/{}/control/shutdown", domid);
    }
    bool alive(std::uint16_t domid) const { return hypervisor_.domains.contains(domid); }
    bool runs(std::uint16_t domid) const {
        constexpr std::uint32_t kNot = abi::kDomainPaused | abi::kDomainShutdown | abi::kDomainUnstarted;
        return alive(domid) && (hypervisor_.domains.at(domid).info.flags & kNot) == 0;
    }

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

    // A guest is one with its vCPU: what it has taken up it does, whenever this process is killed.
    void react(const std::string& path) {
        unsigned domid = 0;
        char rest[32] = {};
        if (std::sscanf(path.c_str(), "/local/domain/%u/control/%31s", &domid, rest) != 2) return;
        const auto id = static_cast<std::uint16_t>(domid);
        if (std::string_view{rest} != "shutdown" || !runs(id)) return;
        const auto request = store_.read(path);
        if (!request || request->empty()) return;
        stop(id, *request == "reboot" ? abi::ShutdownReason::Reboot : abi::ShutdownReason::Poweroff);
        (void)store_.write(path, "");
    }

    Loop& loop_;
    test::FakeHypervisor& hypervisor_;
    store::Store& store_;
    std::map<std::uint16_t, std::string> line_;
};

struct Options {
    std::string socket;
    std::string state;
    std::string hold;
    bool brokered = false;
};

constexpr const char* kUsage =
    "usage: hvctld_on_fake --socket PATH [--state FOLDER] [--system-bus yes] [--hold VERB/PHASE]";

int fail_with(const std::string& text) {
    std::fprintf(stderr, "hvctld_on_fake: %s\n", text.c_str());
    return 1;
}

// Stands still where `where` says: the test waits for that and kills this process.
void hold(JobQueue& jobs, const std::string& where) {
    jobs.on_change = [where, tell = jobs.on_change](const JobRecord& job) {
        if (tell) tell(job);
        if (job.state != JobState::Running || fmt::format("{}/{}", to_string(job.verb), to_string(job.phase)) != where)
            return;
        std::puts("held");
        std::fflush(stdout);
        for (;;) pause();
    };
}

void serve(Loop& loop) {
    uv_signal_t terminate{};
    uv_signal_init(loop.raw(), &terminate);
    uv_signal_start(
        &terminate, [](uv_signal_t* handle, int) { uv_stop(handle->loop); }, SIGTERM);
    loop.run();
    uv_close(reinterpret_cast<uv_handle_t*>(&terminate), nullptr);
    loop.run_once(false);
}

int run(const Options& options) {
    const std::string& state = options.state;
    Loop loop;
    test::FakeHypervisor hypervisor{state + "/hypervisor"};
    store::StoreOptions store_options;
    store_options.journal_directory = state + "/store";
    auto store = store::Store::create(std::move(store_options));
    auto registry = Registry::open(state + "/state.db");
    if (!store || !registry) return fail_with(store ? registry.error().text() : store.error());
    FakeGuests guests{loop, hypervisor, **store};
    const auto later = [&loop](std::function<void()> look) { loop.post(std::move(look)); };
    hypervisor.blocks->watch(**store, later);
    hypervisor.network->watch(**store, later);
    config::Settings settings;
    settings.defaults.volumes.front().path = state + "/volumes";
    Manager manager{loop,
                    hypervisor,
                    hypervisor.blocks,
                    hypervisor.network,
                    hypervisor.storage,
                    **store,
                    **registry,
                    settings,
                    {{state + "/console", state + "/journal"},
                     "fake-boot",
                     "a machine",
                     state + "/seeds",
                     state + "/dumps",
                     state + "/scratch",
                     state + "/ledger.db",
                     state + "/autostarted"}};
    if (!options.hold.empty()) {
        (*registry)->use(nullptr);           // what is recorded before it stands still is in the file then
        hold(manager.jobs(), options.hold);  // also in what is recovered
    }
    if (const auto recovered = manager.recover(); !recovered) return fail_with(recovered.error().text());
    const auto store_socket = store::SocketServer::create(loop.raw(), **store, state + "/xenstored", getuid());
    if (!store_socket) return fail_with(store_socket.error());
    bus::ManagerObject object{manager};
    if (!options.hold.empty()) hold(manager.jobs(), options.hold);
    const auto server = bus::PrivateServer::create(loop, object, options.socket);
    if (!server) return fail_with(server.error().text());
    const auto system_bus = options.brokered ? std::make_unique<bus::SystemBus>(loop, object) : nullptr;
    std::printf("serving %s, state in %s\n", options.socket.c_str(), state.c_str());
    std::fflush(stdout);
    serve(loop);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option{argv[i]};
        if (option == "--socket") options.socket = argv[i + 1];
        if (option == "--state") options.state = argv[i + 1];
        if (option == "--hold") options.hold = argv[i + 1];
        if (option == "--system-bus") options.brokered = std::string_view{argv[i + 1]} == "yes";
    }
    if (options.socket.empty()) return fail_with(kUsage);
    if (options.state.empty()) {
        std::string pattern = (std::filesystem::temp_directory_path() / "hvctld-on-fake-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) return fail_with("no temporary folder");
        options.state = pattern;
    }
    std::filesystem::create_directories(options.state);
    return run(options);
}
