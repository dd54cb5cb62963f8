#include "devices/network/nic_hooks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "config/devices.hpp"
#include "config/values.hpp"
#include "devices/looking.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kHooksFolder = "/tool/hvctld/nic-hooks";
constexpr std::size_t kMostHooks = 16;
constexpr std::uint64_t kPatienceWithOthersMs = 60'000;  // longer than any of them may take

// The store's names have no dots: vif3.0's is vif3-0.
std::string entry_of_hook(std::string interface) {
    std::ranges::replace(interface, '.', '-');
    return fmt::format("{}/{}", kHooksFolder, interface);
}

std::string interface_of_entry(std::string name) {
    std::ranges::replace(name, '-', '.');
    return name;
}

// One line each; none of them can have a line's end in it. The program is not the definition's word: that may be empty.
std::string hook_record(const HookRun& run) {
    config::NicDefinition nic = run.nic;
    nic.hook.clear();
    return fmt::format("{}\n{}\n{}\n{}\n{}", run.domid, run.domain, run.uuid, run.program, config::nic_text(nic));
}

std::string take_line(std::string_view& text) {
    const std::string line{text.substr(0, text.find('\n'))};
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
}

std::optional<HookRun> read_hook_record(const std::string& interface, std::string_view text) {
    HookRun run;
    run.interface = interface;
    const auto domid = config::parse_number(take_line(text), 0, UINT16_MAX);
    run.domain = take_line(text);
    run.uuid = take_line(text);
    run.program = take_line(text);
    config::Diagnostics diagnostics;
    auto nic = config::parse_nic(text, "the store", diagnostics);
    if (!domid || !nic || !run.program.starts_with('/')) return std::nullopt;
    run.domid = static_cast<std::uint16_t>(*domid);
    run.nic = std::move(*nic);
    return run;
}

bool share_addresses(const config::NicDefinition& a, const config::NicDefinition& b) {
    return std::ranges::any_of(a.addresses, [&](const config::IpPrefix& one) {
        return std::ranges::any_of(b.addresses, [&](const config::IpPrefix& other) { return one.conflicts(other); });
    });
}

}  // namespace

NicHooks::NicHooks(Loop& loop, std::shared_ptr<NetworkHost> network, store::Store& store, std::string usual)
    : loop_{loop}, network_{std::move(network)}, store_{store}, usual_{std::move(usual)}, lane_{kMostHooks} {}

std::string NicHooks::program_of(const config::NicDefinition& nic) const {
    const std::string& program = nic.hook.empty() ? usual_ : nic.hook;
    return program == config::kNoHook ? std::string{} : program;
}

// A guest that starts again has the same addresses: what the run before had for them goes first.
bool NicHooks::is_free_for(const HookRun& run) const {
    return std::ranges::none_of(begun_, [&](const auto& entry) {
        const auto& [interface, other] = entry;
        return other.leaves &&
               (other.run.uuid == run.uuid || interface == run.interface || share_addresses(other.run.nic, run.nic));
    });
}

Step NicHooks::add(const HookRun& run) {
    const auto wait = look_until([this, run]() -> Result<bool> { return is_free_for(run); }, kPatienceWithOthersMs,
                                 [run] {
                                     return Error{ErrorId::HookFailed,
                                                  fmt::format("{}: the hook of an interface that had its addresses "
                                                              "before it does not end",
                                                              run.text())};
                                 });
    return [this, run, wait](Job& job, const Done& done) {
        wait(job, [this, run, &job, done](const Result<void>& waited) {
            if (!waited) return done(waited);
            begin(run, job, done);
        });
    };
}

void NicHooks::begin(const HookRun& run, Job& job, const Done& done) {
    if (job.interrupted()) return done(fail(ErrorId::Cancelled, run.text() + " was called off"));
    remember(run);
    job.say(fmt::format("running {}", run.text()));
    const auto work = [network = network_, run](const std::stop_token& stop) { return network->run_hook(run, stop); };
    lane_.step_to_its_end(work)(job, done);
}

void NicHooks::remove(const std::string& interface, const std::function<void()>& done) {
    const auto found = begun_.find(interface);
    if (found == begun_.end() || std::exchange(found->second.leaves, true)) return done();
    HookRun run = found->second.run;
    run.action = HookRun::Action::Remove;
    const auto work = [network = network_, run] { return network->run_hook(run, {}); };
    lane_.run_apart(loop_, work, [weak = std::weak_ptr{alive_}, run, done](const Result<void>& ran) {
        const auto self = weak.lock();
        if (!self) return;
        if (!ran) log::write(log::Level::Error, {run.domain, 0, ran.error().code()}, ran.error().message());
        (*self)->forget(run.interface);
        done();
    });
}

void NicHooks::remember(const HookRun& run) {
    begun_[run.interface] = {run, true, false};
    const store::Permissions own{{store::kDom0, store::Access::None}};
    const std::string path = entry_of_hook(run.interface);
    // Where that fails, a process after this one does not undo it.
    if (!store_.write(path, hook_record(run)) || !store_.set_permissions(path, own))
        log::error(
            "store entry {} cannot be written: should hvctld be killed now, what '{}' has done is to be undone by hand",
            path, run.text());
}

void NicHooks::forget(const std::string& interface) {
    begun_.erase(interface);
    (void)store_.remove(entry_of_hook(interface));
}

void NicHooks::load() {
    const std::string folder{kHooksFolder};
    for (const std::string& name : store_.list(folder).value_or(std::vector<std::string>{})) {
        const std::string interface = interface_of_entry(name);
        const std::string path = entry_of_hook(interface);
        const std::string text = store_.read(path).value_or("");
        if (auto run = read_hook_record(interface, text)) {
            begun_[interface] = {std::move(*run), false, false};
        } else {
            log::error("store entry {} does not say what a hook has done: \"{}\"; it is not undone", path, text);
            (void)store_.remove(path);
        }
    }
}

void NicHooks::take_up(const std::string& interface) {
    if (const auto found = begun_.find(interface); found != begun_.end()) found->second.taken_up = true;
}

// The process before this one may have ended between the hook and the filter, which goes after it.
void NicHooks::sweep(const std::function<bool(std::uint16_t domid)>& kept) {
    std::vector<GuestNic> left;
    for (const auto& [interface, begun] : begun_) {
        if (!begun.taken_up && !begun.leaves && !kept(begun.run.domid))
            left.push_back({interface, begun.run.domain, begun.run.nic});
    }
    for (const GuestNic& nic : left) {
        remove(nic.interface, [this, nic] {
            const auto disconnect = [network = network_, nic]() -> Result<void> {
                network->disconnect(nic);
                return {};
            };
            lane_.run_apart(loop_, disconnect, [](const Result<void>&) {});
        });
    }
}

}  // namespace hvctld
