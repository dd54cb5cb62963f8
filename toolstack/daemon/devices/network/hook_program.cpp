#include "devices/network/hook_program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/log.hpp"
#include "base/supervised_program.hpp"
#include "base/utf8.hpp"
#include "config/devices.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

std::string_view word_for(HookRun::Action action) {
    return action == HookRun::Action::Add ? "add" : "remove";
}

std::string addresses_of(const config::NicDefinition& nic) {
    if (nic.any_address) return std::string{config::kAnyAddress};
    std::string text;
    for (const config::IpPrefix& address : nic.addresses) text += (text.empty() ? "" : " ") + address.text();
    return text;
}

// A terminal obeys none of it, and a bus carries all of it.
std::string without_controls(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const Character character = first_character(text);
        const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
        constexpr char32_t kDelete = 0x7f;
        constexpr char32_t kLastControl = 0x9f;
        const bool control = character.code < ' ' || (character.code >= kDelete && character.code <= kLastControl);
        if (character.bytes == 0) {
            result += '?';
        } else if (!control) {
            result += text.substr(0, bytes);
        } else if (character.code == '\t') {
            result += ' ';
        }
        text.remove_prefix(bytes);
    }
    return result;
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (std::string line = without_controls(text.substr(0, end)); line.find_first_not_of(' ') != std::string::npos)
            lines.push_back(std::move(line));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::string end_of(const SupervisedOutcome& outcome, std::uint64_t patience_ms) {
    switch (outcome.end) {
        case SupervisedOutcome::End::Exited: return fmt::format("has ended with status {}", outcome.number);
        case SupervisedOutcome::End::Signalled: return fmt::format("was ended by signal {}", outcome.number);
        case SupervisedOutcome::End::TimedOut:
            return fmt::format("has not ended within {} s and was killed", static_cast<double>(patience_ms) / 1000);
        case SupervisedOutcome::End::CalledOff: return "was called off and killed";
    }
    return {};
}

}  // namespace

std::string HookRun::text() const {
    return fmt::format("hook {} {} {}", program, word_for(action), interface);
}

std::vector<std::string> hook_environment(const HookRun& run) {
    const config::NicDefinition& nic = run.nic;
    return {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            fmt::format("HVCTL_ACTION={}", word_for(run.action)),
            fmt::format("HVCTL_INTERFACE={}", run.interface),
            fmt::format("HVCTL_DOMAIN={}", run.domain),
            fmt::format("HVCTL_DOMID={}", run.domid),
            fmt::format("HVCTL_UUID={}", run.uuid),
            fmt::format("HVCTL_MAC={}", config::format_mac(nic.mac.value_or(config::MacAddress{}))),
            fmt::format("HVCTL_BRIDGE={}", nic.bridge),
            fmt::format("HVCTL_VLAN={}", nic.vlan),
            fmt::format("HVCTL_ADDRESSES={}", addresses_of(nic))};
}

Result<void> run_nic_hook(const HookRun& run, std::uint64_t patience_ms, const std::stop_token& cancel) {
    const std::vector<std::string> command{run.program, std::string{word_for(run.action)}, run.interface};
    const auto outcome = run_supervised(command, hook_environment(run), patience_ms, cancel);
    if (!outcome) return fail(ErrorId::HookFailed, fmt::format("{}: {}", run.text(), outcome.error().message()));
    for (const std::string& line : lines_of(outcome->output))
        log::write(log::Level::Info, {run.domain, 0, {}}, fmt::format("{}: {}", run.text(), line));
    const auto said = lines_of(outcome->errors);
    if (outcome->end == SupervisedOutcome::End::Exited && outcome->number == 0) {
        for (const std::string& line : said)
            log::write(log::Level::Warning, {run.domain, 0, {}}, fmt::format("{}: {}", run.text(), line));
        return {};
    }
    return fail(ErrorId::HookFailed, fmt::format("{} {}{}{}", run.text(), end_of(*outcome, patience_ms),
                                                 said.empty() ? "" : ": ", fmt::join(said, "; ")));
}

}  // namespace hvctld
