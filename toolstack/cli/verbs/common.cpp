#include "verbs/common.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "json.hpp"

namespace hvctl::cli {

namespace {

Result<std::string> read_log(int descriptor) {
    std::string text;
    std::array<char, 65536> buffer{};
    while (true) {
        ssize_t got = read(descriptor, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(ExitCode::Failed, std::string("cannot read the console log: ") + std::strerror(errno));
        if (got == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace

Result<void> for_each_word(const std::vector<std::string>& words,
                           const std::function<Result<void>(const std::string&)>& action) {
    Result<void> outcome;
    for (const std::string& word : words) {
        auto done = action(word);
        if (done) continue;
        if (!done.error().message.empty()) warn(done.error().message);
        if (outcome) outcome = fail(done.error().code, "");
        // Without hvctld nothing else can succeed either.
        if (done.error().code == ExitCode::Unreachable || done.error().code == ExitCode::Interrupted) break;
    }
    return outcome;
}

Result<std::vector<Properties>> domains_named(Manager& manager, const std::vector<std::string>& names) {
    if (names.empty()) return manager.list_domains();
    std::vector<Properties> domains;
    for (const std::string& name : names) domains.push_back(TRY(manager.get_domain(name)));
    return domains;
}

Result<std::vector<DomainDevices>> devices_of(Manager& manager, const std::vector<std::string>& names,
                                              const ListDevices& list) {
    std::vector<DomainDevices> all;
    for (Properties& domain : TRY(domains_named(manager, names))) {
        if (names.empty() && domain.has("domid") && domain.number("domid") == 0) continue;
        auto devices = list(manager, domain.text("name"));
        // Asked for all, a domain that has just been forgotten is simply not among them.
        if (!devices && names.empty() && devices.error().code == ExitCode::NotFound) continue;
        all.push_back({std::move(domain), TRY(std::move(devices))});
    }
    return all;
}

std::string domains_json(const std::vector<Properties>& domains, std::span<const char* const> keys) {
    std::vector<JsonDocument> list;
    for (const Properties& domain : domains) {
        JsonDocument entry = JsonDocument::part();
        entry.add("name", Value(domain.text("name")));
        if (domain.has("domid")) entry.add("domid", Value(domain.number("domid")));
        for (const char* key : keys) entry.add(key, Value(domain.number(key)));
        list.push_back(std::move(entry));
    }
    JsonDocument document;
    document.add("domains", std::move(list));
    return document.text();
}

std::string devices_json(const std::vector<DomainDevices>& all, const char* key) {
    std::vector<JsonDocument> list;
    for (const DomainDevices& entry : all) {
        JsonDocument domain = JsonDocument::part();
        domain.add("name", Value(entry.domain.text("name")));
        if (entry.domain.has("domid")) domain.add("domid", Value(entry.domain.number("domid")));
        domain.add(key, entry.devices);
        list.push_back(std::move(domain));
    }
    JsonDocument document;
    document.add("domains", std::move(list));
    return document.text();
}

std::string domain_id_text(const Properties& domain) {
    return domain.has("domid") ? std::to_string(domain.number("domid")) : "-";
}

Result<void> follow_job(Context& context, JobId job, bool no_wait, OnInterrupt on_interrupt) {
    if (no_wait) {
        print(std::to_string(job) + '\n');
        return {};
    }
    TRY(wait_for_job(context, job, on_interrupt));
    return {};
}

Result<void> tell_started(Context& context, const std::string& name, bool paused) {
    Properties domain = TRY(TRY(context.manager())->get_domain(name));
    print(name + (paused ? " is ready and paused" : " is started"));
    print(domain.has("domid") ? " (domain " + domain_id_text(domain) + ")\n" : "\n");
    return {};
}

Result<std::string> console_log(Manager& manager, const std::string& domain) {
    const int descriptor = TRY(manager.open_console_log(domain));
    auto log = read_log(descriptor);
    close(descriptor);
    return log;
}

Cell device_state_cell(const std::string& state) {
    if (state == "failed") return {state, Colour::Red};
    if (state == "connected") return {state, Colour::Green};
    return {state, state == "offline" ? Colour::Dim : Colour::None};
}

Cell state_cell(const std::string& state) {
    if (state == "running") return {state, Colour::Green};
    if (state == "crashed" || state == "crashloop" || state == "disk-full") return {state, Colour::Red};
    if (state == "paused" || state == "dying" || state == "starting") return {state, Colour::Yellow};
    if (state == "stopped" || state == "shutdown") return {state, Colour::Dim};
    return {state, Colour::None};
}

}  // namespace hvctl::cli
