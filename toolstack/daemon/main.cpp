// hvctld: only wires. What it does is in host/daemon.hpp and below.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/log.hpp"
#include "bus/version.hpp"
#include "host/daemon.hpp"
#include "host/modules.hpp"
#include "host/service.hpp"
#include "host/validate.hpp"
#include "hypervisor/hv_hypervisor.hpp"

namespace {

using namespace hvctld;

// Exit codes; the unit file keeps systemd from starting the daemon again after the first.
constexpr int kExitNotOnHv = 78;  // EX_CONFIG
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

constexpr const char* kUsage =
    "usage: hvctld [--check | --validate FILE [NAME] | --version | --help]\n"
    "Manages the domains of hv. Runs in the foreground; systemd starts it as hvctld.service.\n"
    "  --check          say whether this system is Dom0 of hv, and exit with 0 if it is\n"
    "  --validate FILE  check a domain file (-: standard input), called NAME in messages; print its definition in "
    "JSON\n"
    "  --version        print the version\n"
    "See hvctld(8).\n";

int give_up(const Error& error) {
    log::write(log::Level::Error, {{}, 0, error.code()}, error.text());
    host::notify_status(error.message());
    return error.id() == ErrorId::NotOnHv ? kExitNotOnHv : kExitFailure;
}

Result<std::unique_ptr<HvHypervisor>> open_hypervisor(const std::string& kernel_cache) {
    if (!host::runs_as_dom0())
        return fail(ErrorId::NotOnHv,
                    "this system does not run on hv: boot it under hv as Dom0 to manage domains here");
    if (const auto loaded = host::load_modules(); !loaded) log::warning("{}", loaded.error().message());
    if (const auto mounted = host::mount_xenfs(); !mounted) log::warning("{}", mounted.error().message());
    auto hypervisor = HvHypervisor::open(kernel_cache);
    if (!hypervisor) return std::unexpected(Error{hypervisor.error()});
    return std::move(*hypervisor);
}

int check() {
    if (const auto hypervisor = open_hypervisor(""); !hypervisor) {
        std::fprintf(stderr, "hvctld: %s\n", hypervisor.error().text().c_str());
        return kExitFailure;
    }
    return 0;
}

int serve() {
    // The budget is 20 MiB: few arenas, and what a build has used goes back at once.
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    std::signal(SIGPIPE, SIG_IGN);

    const host::DaemonPaths paths;
    host::notify_status("connecting to hv");
    const auto hypervisor = open_hypervisor(paths.kernel_cache);
    if (!hypervisor) return give_up(hypervisor.error());

    Loop loop;
    host::notify_status("taking up domains");
    const auto daemon = host::Daemon::start(loop, **hypervisor, paths);
    if (!daemon) return give_up(daemon.error());
    Manager& manager = (*daemon)->manager();

    uv_signal_t terminate{};
    uv_signal_init(loop.raw(), &terminate);
    uv_signal_start(
        &terminate, [](uv_signal_t* signal, int) { uv_stop(signal->loop); }, SIGTERM);

    const auto watchdog = host::start_watchdog(loop, [&manager] { return manager.health(); });
    const auto say = [&manager, &settings = (*daemon)->settings_trouble()] {
        std::string status = "serving";
        for (const std::string& trouble : {manager.registry_trouble(), settings})
            if (!trouble.empty()) status += "; " + trouble;
        std::ranges::replace(status, '\n', ' ');  // a status is one line
        host::notify_status(status);
    };
    manager.on_registry_trouble = say;
    // Its files are read here and now: before systemd's watchdog looks, which would take a
    // slow disk for a daemon that hangs.
    manager.autostart(paths.definitions);
    host::notify_ready("serving");
    say();
    log::info("hvctld {} serves", bus::kVersion);
    loop.run();

    // Being stopped is the same as being killed: nothing is taken down, guests go on, and the next process takes up
    // from the store's journal and the registry, both of which are complete at every moment.
    host::notify_stopping();
    std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view option = argc > 1 ? argv[1] : "";
    if (option == "--validate" && (argc == 3 || argc == 4))
        return host::validate(argv[2], argv[argc - 1], host::DaemonPaths{}.settings);
    if (argc > 2) {
        std::fputs(kUsage, stderr);
        return kExitUsage;
    }
    if (option.empty()) return serve();
    if (option == "--check") return check();
    if (option == "--version") {
        std::printf("hvctld %s\n", bus::kVersion);
        return 0;
    }
    if (option == "--help") {
        std::fputs(kUsage, stdout);
        return 0;
    }
    std::fputs(kUsage, stderr);
    return kExitUsage;
}
