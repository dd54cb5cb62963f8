#include "devices/network/nics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.hpp"
#include "config/devices.hpp"
#include "devices/looking.hpp"
#include "devices/network/nic_claims.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

config::MacAddress mac_of(const config::NicDefinition& nic) {
    return nic.mac.value_or(config::MacAddress{});
}

}  // namespace

std::string Nics::name_of(const config::NicDefinition& nic) const {
    return fmt::format("{}: network interface {}", domain_.record.name, config::format_mac(mac_of(nic)));
}

GuestNic Nics::guest_nic(const config::NicDefinition& nic, std::uint32_t number) const {
    static std::uint64_t serial = 0;  // the loop's thread alone asks
    return {vif_name(domid(), number), domain_.record.name, in_force(nic), ++serial};
}

// Less than its definition says where its quota is used up.
config::NicDefinition Nics::in_force(const config::NicDefinition& nic) const {
    config::NicDefinition less = nic;
    if (nic.quota_bytes == 0 || !over_quota_.contains(mac_of(nic))) return less;
    if (nic.over_quota == config::OverQuota::Stop) less.link = false;
    if (nic.over_quota == config::OverQuota::Throttle)
        less.rate_bits = nic.rate_bits != 0 ? std::min(nic.rate_bits, nic.over_quota_bits) : nic.over_quota_bits;
    return less;
}

bool Nics::set_over_quota(const config::MacAddress& mac, bool over) {
    // What a job does with it just now counts; the next look comes soon.
    if (over == over_quota_.contains(mac) || domain_.job != 0) return false;
    if (over) {
        over_quota_.insert(mac);
    } else {
        over_quota_.erase(mac);
    }
    const auto found = live_.find(mac);
    if (found == live_.end() || !domain_.in_hv()) return true;
    (void)vifs().write(found->second.number, vif_rate(in_force(found->second.nic)));
    reconnect(found->second.nic, found->second.number);
    return true;
}

const Nics::Live* Nics::live(const config::NicDefinition& nic) const {
    const auto found = live_.find(mac_of(nic));
    return found != live_.end() ? &found->second : nullptr;
}

std::optional<std::uint32_t> Nics::number_of(const config::NicDefinition& nic) const {
    const Live* const found = live(nic);
    return found != nullptr ? std::optional{found->number} : std::nullopt;
}

// Dom0's own addresses cannot be given to a guest.
Result<void> Nics::may_have(const config::NicDefinition& nic) const {
    const auto* const own = config::network_of(context_.networks, nic.bridge);
    if (own == nullptr) return {};
    for (const config::IpPrefix& address : nic.addresses) {
        const auto is_ours = [&](const config::IpPrefix& host) { return host.conflicts(address); };
        if (std::ranges::none_of(own->addresses, is_ours)) continue;
        return fail(ErrorId::AddressTaken, fmt::format("{}: {} is, or has in it, Dom0's own address on {}",
                                                       name_of(nic), address.text(), nic.bridge));
    }
    return {};
}

// What the definition leaves to the host. Afterwards the definition has it, so that the guest has the same for good.
Result<void> Nics::complete(config::NicDefinition& nic, std::size_t index) {
    NicClaims& claims = context_.nic_claims;
    if (!nic.mac) nic.mac = claims.make_mac(context_.paths.machine_id, domain_.record.name, index);
    TRY(may_have(nic));
    if (nic.any_address || !nic.addresses.empty()) return {};
    const auto* const own = config::network_of(context_.networks, nic.bridge);
    if (own == nullptr) {
        return fail(ErrorId::NicUnusable,
                    fmt::format("{}: nothing says which addresses it may send from, and {} is none of this host's own "
                                "networks: write them as 'addresses: [...]', or 'addresses: any'",
                                name_of(nic), nic.bridge));
    }
    for (const config::IpPrefix& host : own->addresses)
        nic.addresses.push_back(TRY(within(name_of(nic), claims.make_address(host, *nic.mac))));
    return {};
}

Step Nics::prepare(bool) {
    return [this](Job& job, const Done& done) {
        auto& nics = domain_.definition.nics;
        live_.clear();
        if (nics.empty()) return done({});
        std::vector<std::string> bridges;
        for (std::size_t i = 0; i < nics.size(); ++i) {
            if (const auto completed = complete(nics[i], i); !completed) return done(completed);
            if (const auto taken = context_.nic_claims.take(domain_.record.name, nics[i]); !taken) return done(taken);
            if (std::ranges::count(bridges, nics[i].bridge) == 0) bridges.push_back(nics[i].bridge);
        }
        domain_.record.definition = normalised(domain_.definition);
        const auto provide = [host = context_.network, bridges]() -> Result<void> {
            for (const std::string& bridge : bridges) TRY(host->provide(bridge));
            return {};
        };
        context_.network_lane.step_apart(provide)(job, once([this, done](const Result<void>& provided) {
                                                      done(within(domain_.record.name, Result<void>{provided}));
                                                  }));
    };
}

Step Nics::prepare_one(const std::shared_ptr<config::NicDefinition>& nic) {
    return [this, nic](Job& job, const Done& done) {
        if (const auto completed = complete(*nic, domain_.definition.nics.size()); !completed) return done(completed);
        if (const auto taken = context_.nic_claims.take(domain_.record.name, *nic); !taken) return done(taken);
        const auto provide = [host = context_.network, bridge = nic->bridge] { return host->provide(bridge); };
        context_.network_lane.step_apart(provide)(job, once([this, done](const Result<void>& provided) {
                                                      done(within(domain_.record.name, Result<void>{provided}));
                                                  }));
    };
}

Phase Nics::publish() {
    return {JobPhase::Nics, 90, [this](Job& job, const Done& done) {
                std::vector<Numbered> nics;
                for (const config::NicDefinition& nic : domain_.definition.nics)
                    nics.emplace_back(static_cast<std::uint32_t>(nics.size()), nic);
                if (nics.empty()) return done({});
                if (const auto connected = connect(nics); !connected) return done(connected);
                wait_ready(nics)(job, [this, nics, done](const Result<void>& ready) {
                    // A guest that is not whole is not taken up again, and takes all of them with it.
                    if (ready) std::ranges::for_each(nics, [this](const Numbered& nic) { settle(nic.second); });
                    done(ready);
                });
            }};
}

Step Nics::connect_one(const config::NicDefinition& nic) {
    return [this, nic](Job& job, const Done& done) {
        const auto number = free_number();
        if (!number) return done(std::unexpected(number.error()));
        const std::vector<Numbered> nics{{*number, nic}};
        if (const auto connected = connect(nics); !connected) return done(connected);
        wait_ready(nics)(job, done);
    };
}

Result<std::uint32_t> Nics::free_number() const {
    // A guest that has not noticed yet that an interface is gone would take a new one with its number for the old one.
    // So a number that has been free for long is better.
    constexpr std::chrono::seconds kForgotten{30};
    const auto now = std::chrono::steady_clock::now();
    std::optional<std::uint32_t> fresh;
    for (std::uint32_t number = 0; number < config::kMostDevices; ++number) {
        // One that has just gone may not have gone from Dom0's kernel.
        if (vifs().state(number) || leaving_.contains(number)) continue;
        if (context_.network->exists(vif_name(domid(), number))) continue;
        const auto left = left_.find(number);
        if (left == left_.end() || now - left->second > kForgotten) return number;
        if (!fresh) fresh = number;
    }
    if (fresh) return *fresh;
    return fail(ErrorId::LimitReached, fmt::format("{}: more than {} network interfaces are not possible",
                                                   domain_.record.name, config::kMostDevices));
}

void Nics::watch_driver() {
    if (watch_ != 0) return;
    watch_ = context_.store.watch(fmt::format("/local/domain/{}/device/vif", domid()), "hvctld",
                                  [weak = std::weak_ptr{alive_}](const std::string& path, const std::string&) {
                                      if (const auto self = weak.lock()) (*self)->driver_wrote(path);
                                  });
}

void Nics::driver_wrote(const std::string& path) {
    for (const auto& [mac, live] : live_) {
        const std::string folder = fmt::format("/local/domain/{}/device/vif/{}", domid(), live.number);
        if (path != folder && path != folder + "/state") continue;
        if (context_.store.read(folder + "/state") != fmt::format("{}", static_cast<int>(BusState::Connected)))
            context_.nic_driver_moved(domain_, vif_name(domid(), live.number));
    }
}

Result<void> Nics::connect(const std::vector<Numbered>& nics) {
    watch_driver();
    std::vector<BusDevices::Entry> entries;
    for (const auto& [number, nic] : nics) {
        live_[mac_of(nic)] = {number, nic};
        if (nic.quota_bytes == 0) over_quota_.erase(mac_of(nic));
        entries.push_back(vif_entry(domain_.record.name, nic, number));
        for (BusDevices::Node& node : entries.back().backend) {
            if (node.name == vif_rate(nic).name) node = vif_rate(in_force(nic));
        }
    }
    return within(domain_.record.name, vifs().add(entries));
}

// First netback makes the interface, then it gets its filter and its place, then the administrator's program does what
// it likes with it, and only then netback may let anything through.
Step Nics::wait_ready(const std::vector<Numbered>& nics) {
    const auto there = [this, nics]() -> Result<bool> {
        for (const Numbered& nic : nics) {
            if (!TRY(is_there(nic))) return false;
        }
        return true;
    };
    const auto wait = look_until(there, kKernelPatienceMs, [this] {
        return Error{ErrorId::BackendFailed,
                     fmt::format("{}: Dom0's kernel does not take up its network interfaces; is its module xen-netback "
                                 "there ('modprobe xen-netback')? 'journalctl -k' may tell more",
                                 domain_.record.name)};
    });
    return [this, nics, wait](Job& job, const Done& done) {
        wait(job, [this, nics, &job, done](const Result<void>& waited) {
            if (!waited) return done(waited);
            const auto end = [this, nics, done](const Result<void>& ready) {
                if (ready) std::ranges::for_each(nics, [this](const auto& nic) { open(nic); });
                done(within(domain_.record.name, Result<void>{ready}));
            };
            wire(nics)(job, once([this, nics, &job, end](const Result<void>& wired) {
                           if (!wired) return end(wired);
                           run_hooks(nics, 0, job, end);
                       }));
        });
    };
}

Step Nics::wire(const std::vector<Numbered>& nics) {
    std::vector<GuestNic> list;
    for (const auto& [number, nic] : nics) list.push_back(guest_nic(nic, number));
    return context_.network_lane.step_apart([host = context_.network, list]() -> Result<void> {
        for (const GuestNic& nic : list) TRY(host->connect(nic));
        return {};
    });
}

// One after the other: an administrator need not think of two at once.
void Nics::run_hooks(const std::vector<Numbered>& nics, std::size_t index, Job& job, const Done& done) {
    while (index < nics.size() && context_.nic_hooks.program_of(nics[index].second).empty()) ++index;
    if (index == nics.size()) return done({});
    context_.nic_hooks.add(hook_run(nics[index]))(job, [this, nics, index, &job, done](const Result<void>& ran) {
        if (!ran) return done(ran);
        run_hooks(nics, index + 1, job, done);
    });
}

HookRun Nics::hook_run(const Numbered& nic) const {
    return {HookRun::Action::Add,
            context_.nic_hooks.program_of(nic.second),
            vif_name(domid(), nic.first),
            domid(),
            domain_.record.name,
            domain_.record.uuid,
            nic.second};
}

void Nics::open(const Numbered& nic) {
    if (const auto opened = vifs().write(nic.first, vif_ready()); !opened)
        log::error("{}: {}", name_of(nic.second), opened.error().text());
}

Result<bool> Nics::is_there(const Numbered& nic) {
    const auto state = vifs().state(nic.first);
    const std::string trouble = vifs().trouble(nic.first);
    if (!trouble.empty() || !state || *state == BusState::Closing || *state == BusState::Closed) {
        return fail(ErrorId::BackendFailed,
                    fmt::format("{}: Dom0's kernel does not serve it{}{}; 'journalctl -k' may tell more",
                                name_of(nic.second), trouble.empty() ? "" : ": ", trouble));
    }
    return context_.network->exists(vif_name(domid(), nic.first));
}

void Nics::settle(const config::NicDefinition& nic) {
    const auto number = number_of(nic);
    if (!number) return;
    if (const auto written = vifs().write(*number, vif_record(nic, NicState::There)); !written)
        log::error("{}: {}", name_of(nic), written.error().text());
}

void Nics::abandoned() {
    if (!domain_.in_hv()) context_.nic_claims.release(domain_.record.name);
}

void Nics::unplug() {
    vifs().remove_all();
}

// Before, netback may still have had the interfaces.
void Nics::freed() {
    if (watch_ != 0) context_.store.unwatch(std::exchange(watch_, 0));
    context_.nic_claims.release(domain_.record.name);
    for (const auto& [mac, live] : live_) clear(live.nic, live.number);
    // It has ended while no process saw it.
    if (live_.empty() && domid() != 0) {
        const auto& nics = domain_.definition.nics;
        for (std::uint32_t number = 0; number < nics.size(); ++number)
            if (nics[number].mac) clear(nics[number], number);
    }
    live_.clear();
}

void Nics::clear(const config::NicDefinition& nic, std::uint32_t number, const std::function<void()>& done) {
    leaving_.insert(number);
    left_[number] = std::chrono::steady_clock::now();
    const auto gone = [weak = std::weak_ptr{alive_}, number, done](const Result<void>&) {
        const auto self = weak.lock();
        if (!self) return;
        (*self)->leaving_.erase(number);
        if (done) done();
    };
    // In the reverse order of connecting: the hook first, then the interface. Also where the domain has gone by then.
    context_.nic_hooks.remove(vif_name(domid(), number), [&context = context_, nic = guest_nic(nic, number), gone] {
        const auto disconnect = [host = context.network, nic]() -> Result<void> {
            host->disconnect(nic);
            return {};
        };
        context.network_lane.run_apart(context.loop, disconnect, gone);
    });
}

// The store knows more of the guest than its definition, which may be lost. What was about to come goes, and so does
// what was about to go.
Result<void> Nics::recover() {
    watch_driver();
    for (const std::uint32_t number : vifs().numbers()) {
        if (const auto record = read_vif_record(vifs(), number)) {
            recover_one(number, *record);
        } else {
            log::error("{}: the store does not say what network interface {} is; it is left as it is",
                       domain_.record.name, number);
        }
    }
    return {};
}

void Nics::recover_one(std::uint32_t number, const VifRecord& record) {
    auto& nics = domain_.definition.nics;
    const auto known = std::ranges::find(nics, record.nic.mac, &config::NicDefinition::mac);
    const bool is_known = known != nics.end();
    // The guest has let go of it as it was asked: to take it away was all that was left.
    const bool let_go = vifs().state(number) == BusState::Closed && vifs().read(number, "online") == "0";
    if (record.state != NicState::There || let_go) {
        vifs().remove(number);
        clear(record.nic, number);
        if (!is_known) return;
        nics.erase(known);
    } else {
        vifs().keep_open(number);
        live_[mac_of(record.nic)] = {number, record.nic};
        context_.nic_hooks.take_up(vif_name(domid(), number));
        if (is_known) {
            *known = record.nic;
        } else {
            nics.push_back(record.nic);
        }
        if (const auto taken = context_.nic_claims.take(domain_.record.name, record.nic); !taken)
            log::error("{}", taken.error().text());
        reconnect(record.nic, number);  // whatever became of it meanwhile
    }
    domain_.record.definition = normalised(domain_.definition);
    (void)context_.registry.save(domain_.record);
}

void Nics::reconnect(const config::NicDefinition& nic, std::uint32_t number) {
    context_.network_lane.run_apart(
        context_.loop,
        [host = context_.network, guest = guest_nic(nic, number)]() -> Result<void> {
            // Whatever became of the bridge: what is connected has its filter, or no link.
            const auto provided = host->provide(guest.nic.bridge);
            TRY(host->connect(guest));
            return provided;
        },
        [name = name_of(nic)](const Result<void>& connected) {
            if (!connected) log::error("{}: {}", name, connected.error().text());
        });
}

void Nics::restore(const std::string& name) {
    if (!domain_.in_hv()) return;
    for (const auto& [mac, live] : live_) {
        const std::string interface = vif_name(domid(), live.number);
        if (!name.empty() && name != interface && name != live.nic.bridge) continue;
        if (!context_.network->exists(interface)) continue;
        log::warning("{}: its filter has been taken away, by a firewall perhaps; it is put back", name_of(live.nic));
        reconnect(live.nic, live.number);
    }
}

Step Nics::wait_connected(const config::NicDefinition& nic) {
    const auto connected = [this, nic]() -> Result<bool> {
        const auto number = number_of(nic);
        if (!number) return fail(ErrorId::NoSuchNic, fmt::format("{}: it has gone", name_of(nic)));
        if (!TRY(is_there({*number, nic}))) return false;
        return vifs().state(*number) == BusState::Connected;
    };
    return look_until(connected, kGuestPatienceMs, [this, nic] {
        return Error{
            ErrorId::GuestSilent,
            fmt::format("{}: the guest has not taken it within {} s: it has no driver for it (xen-netfront), or hangs; "
                        "see to that, and attach it again",
                        name_of(nic), kGuestPatienceMs / 1000)};
    });
}

Step Nics::wait_closed(const config::NicDefinition& nic) {
    const auto closed = [this, nic]() -> Result<bool> {
        const auto number = number_of(nic);
        const auto state = number ? vifs().state(*number) : std::nullopt;
        return !state || *state == BusState::Closed || !context_.network->exists(vif_name(domid(), *number));
    };
    const auto wait = look_until(closed, kGuestPatienceMs, [this, nic] {
        return Error{ErrorId::GuestSilent,
                     fmt::format("{}: the guest has been asked for it and has not let go of it within {} s: it hangs, "
                                 "or does not run; with --force it is taken away all the same",
                                 name_of(nic), kGuestPatienceMs / 1000)};
    });
    return [this, nic, wait](Job& job, const Done& done) {
        const auto number = number_of(nic);
        if (!number) return done(fail(ErrorId::NoSuchNic, fmt::format("{}: it has gone", name_of(nic))));
        if (const auto asked = vifs().close(*number); !asked) return done(asked);
        wait(job, done);
    };
}

void Nics::keep_open(const config::NicDefinition& nic) {
    if (const auto number = number_of(nic)) vifs().keep_open(*number);
}

Step Nics::take_away(const config::NicDefinition& nic) {
    return [this, nic](Job& job, const Done& done) {
        const auto number = number_of(nic);
        if (!number) {
            context_.nic_claims.release(domain_.record.name, mac_of(nic));
            return done({});
        }
        (void)vifs().write(*number, vif_record(nic, NicState::Going));
        vifs().remove(*number);
        const auto gone = [this, number]() -> Result<bool> {
            return !context_.network->exists(vif_name(domid(), *number));
        };
        const auto excuse = [this, nic] {
            return Error{
                ErrorId::BackendFailed,
                fmt::format("{}: Dom0's kernel does not let go of it; 'journalctl -k' may tell more", name_of(nic))};
        };
        look_until(gone, kKernelPatienceMs, excuse)(job, [this, nic, number, done](const Result<void>& let_go) {
            clear(nic, *number, [this, nic, let_go, done] {
                live_.erase(mac_of(nic));
                context_.nic_claims.release(domain_.record.name, mac_of(nic));
                done(let_go);
            });
        });
    };
}

// Until it is over both are the guest's: what it had, and what it gets.
Step Nics::change_one(const config::NicDefinition& nic) {
    return [this, nic](Job& job, const Done& done) {
        const Live* const present = live(nic);
        if (present == nullptr) return done(fail(ErrorId::NoSuchNic, fmt::format("{}: it has gone", name_of(nic))));
        config::NicDefinition both = nic;
        both.addresses.insert(both.addresses.end(), present->nic.addresses.begin(), present->nic.addresses.end());
        if (const auto free = may_have(nic); !free) return done(free);
        if (const auto taken = context_.nic_claims.take(domain_.record.name, both); !taken) return done(taken);
        const std::uint32_t number = present->number;
        const auto connect = [host = context_.network, guest = guest_nic(nic, number)] { return host->connect(guest); };
        // Not to be called off half done.
        job.shield();
        context_.network_lane.step_apart(connect)(job,
                                                  once([this, &job, nic, number, done](const Result<void>& connected) {
                                                      job.unshield();
                                                      if (connected) {
                                                          live_[mac_of(nic)] = {number, nic};
                                                          (void)context_.nic_claims.take(domain_.record.name, nic);
                                                          settle(nic);
                                                          (void)vifs().write(number, vif_rate(in_force(nic)));
                                                      }
                                                      done(within(domain_.record.name, Result<void>{connected}));
                                                  }));
    };
}

Result<config::NicDefinition> Nics::find(const std::string& which) const {
    const auto mac = config::parse_mac(which);
    const auto number = config::parse_number(which, 0, UINT32_MAX);
    std::uint32_t place = 0;
    for (const config::NicDefinition& nic : domain_.definition.nics) {
        const auto its_number = domain_.in_hv() ? number_of(nic) : std::optional{place};
        if (mac ? nic.mac == *mac : number && its_number == *number) return nic;
        ++place;
    }
    return fail(ErrorId::NoSuchNic, fmt::format("{0} has no network interface {1}; 'hvctl network-list {0}' shows what "
                                                "it has",
                                                domain_.record.name, which));
}

std::string Nics::state_of(std::uint32_t number) const {
    const auto state = vifs().state(number);
    if (!state) return "offline";
    if (!vifs().trouble(number).empty()) return "failed";
    // The guest has thrown its end away, and the backend is gone with it.
    if (*state >= BusState::InitWait && !context_.network->exists(vif_name(domid(), number))) return "closed";
    return word_of(*state);
}

void Nics::check(const config::NicDefinition& nic, const std::function<void(const Result<NicCheck>&)>& done) {
    const Live* const found = live(nic);
    if (found == nullptr) return done(fail(ErrorId::NoSuchNic, fmt::format("{}: it has gone", name_of(nic))));
    const auto checked = std::make_shared<NicCheck>();
    context_.network_lane.run_apart(
        context_.loop,
        [host = context_.network, guest = guest_nic(found->nic, found->number), checked]() -> Result<void> {
            *checked = TRY(host->check(guest));
            return {};
        },
        [name = name_of(nic), checked, done](const Result<void>& tried) {
            if (!tried) return done(std::unexpected(tried.error().within(name)));
            done(*checked);
        });
}

std::map<config::MacAddress, NicReading> Nics::counters() const {
    std::map<config::MacAddress, NicReading> all;
    if (!domain_.in_hv()) return all;
    for (const config::NicDefinition& nic : domain_.definition.nics) {
        const auto number = number_of(nic);
        if (!number) continue;
        const std::string interface = vif_name(domid(), *number);
        if (const auto of_one = context_.network->counters(interface)) all[mac_of(nic)] = {interface, *of_one};
    }
    return all;
}

std::vector<NicView> Nics::list() const {
    std::vector<NicView> views;
    for (const config::NicDefinition& nic : domain_.definition.nics) {
        NicView view;
        view.number = static_cast<std::uint32_t>(views.size());
        view.nic = nic;
        view.state = "offline";
        view.over_quota = nic.quota_bytes != 0 && over_quota_.contains(mac_of(nic));
        const auto number = domain_.in_hv() ? number_of(nic) : std::nullopt;
        if (number) {
            view.number = *number;
            view.state = state_of(*number);
            const std::string interface = vif_name(domid(), *number);
            if (context_.network->exists(interface)) view.interface = interface;
            view.counters = context_.network->counters(interface).value_or(NicCounters{});
        }
        views.push_back(std::move(view));
    }
    return views;
}

}  // namespace hvctld
