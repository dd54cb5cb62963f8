#include "fake_network_host.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "devices/network/vif.hpp"

namespace hvctld::test {

Result<void> FakeNetworkHost::provide(const std::string& bridge) {
    if (bridges.contains(bridge)) return {};
    return fail(ErrorId::NicUnusable, fmt::format("there is no bridge {}", bridge));
}

Result<void> FakeNetworkHost::connect(const GuestNic& nic) {
    const std::lock_guard lock{mutex};
    if (nic.interface == broken) return fail(ErrorId::BackendFailed, nic.interface + ": no filter");
    passes[nic.interface] = nic;
    return {};
}

void FakeNetworkHost::disconnect(const GuestNic& nic) {
    const std::lock_guard lock{mutex};
    passes.erase(nic.interface);
}

Result<NicCheck> FakeNetworkHost::check(const GuestNic& nic) {
    const std::lock_guard lock{mutex};
    return NicCheck{nic.interface, {{"IPv4 from its own", true, true}}, passes.contains(nic.interface)};
}

Result<void> FakeNetworkHost::run_hook(const HookRun& run, const std::stop_token& cancel) {
    ++hooks_begun;
    while (hooks_hang && !cancel.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    const std::lock_guard lock{mutex};
    const bool adds = run.action == HookRun::Action::Add;
    hooks.push_back(fmt::format("{} {} {} {}", adds ? "add" : "remove", run.interface, run.domain, run.program));
    if (cancel.stop_requested()) return fail(ErrorId::HookFailed, run.text() + " was called off and killed");
    if (run.program != failing_hook) return {};
    return fail(ErrorId::HookFailed, run.text() + " has ended with status 3: no such switch");
}

bool FakeNetworkHost::exists(const std::string& interface) const {
    const std::lock_guard lock{mutex};
    return interfaces_.contains(interface);
}

std::optional<NicCounters> FakeNetworkHost::counters(const std::string& interface) const {
    if (!exists(interface)) return std::nullopt;
    return counted;
}

void FakeNetworkHost::watch(store::Store& store, std::function<void(std::function<void()>)> later) {
    store.watch("/local/domain/0/backend/vif", "kernel",
                [this, &store, later](const std::string& path, const std::string&) {
                    later([this, &store, path] { look(store, path); });
                });
    go_on(store);
}

// Those of a process of the daemon before this one: the kernel goes on with them.
void FakeNetworkHost::go_on(store::Store& store) {
    const std::string folder = "/local/domain/0/backend/vif";
    for (const std::string& domid : store.list(folder).value_or(std::vector<std::string>{})) {
        const BusDevices vifs{store, kVif, static_cast<std::uint16_t>(std::stoul(domid))};
        for (const std::uint32_t number : vifs.numbers()) {
            const auto state = vifs.state(number).value_or(BusState::Closed);
            if (state >= BusState::InitWait && state <= BusState::Closed) {
                const std::lock_guard lock{mutex};
                interfaces_.insert(vif_name(static_cast<std::uint16_t>(std::stoul(domid)), number));
            }
            look(store, fmt::format("{}/{}/{}", folder, domid, number));
        }
    }
}

void FakeNetworkHost::look(store::Store& store, const std::string& path) {
    unsigned domid = 0;
    unsigned number = 0;
    const std::string folder = "/local/domain/0/backend/vif";
    {
        const std::lock_guard lock{mutex};
        std::erase_if(interfaces_, [&](const std::string& name) {
            return std::sscanf(name.c_str(), "vif%u.%u", &domid, &number) == 2 &&
                   !store.exists(fmt::format("{}/{}/{}", folder, domid, number));
        });
    }
    if (!has_netback || std::sscanf(path.c_str(), "/local/domain/0/backend/vif/%u/%u", &domid, &number) != 2) return;
    const BusDevices vifs{store, kVif, static_cast<std::uint16_t>(domid)};
    const std::string state = fmt::format("{}/{}/{}/state", folder, domid, number);
    const auto present = vifs.state(number);
    if (!present) return;
    const std::string name = vif_name(static_cast<std::uint16_t>(domid), number);
    if (*present == BusState::Initialising && !complaint.empty()) {
        (void)store.write(fmt::format("/local/domain/0/error/backend/vif/{}/{}/error", domid, number), complaint);
    } else if (*present == BusState::Initialising) {
        {
            const std::lock_guard lock{mutex};
            interfaces_.insert(name);
        }
        (void)store.write(state, "2");
    } else if (*present == BusState::InitWait && guest_takes && vifs.read(number, "hotplug-status") == "connected") {
        (void)store.write(state, "4");
    } else if (*present == BusState::Closing && guest_lets_go && vifs.read(number, "online") == "0") {
        (void)store.write(state, "6");
    }
}

}  // namespace hvctld::test
