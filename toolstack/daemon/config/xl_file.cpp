#include "config/xl_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>
#include <utility>

namespace hvctld::config {
namespace {

struct Assignment {
    std::string_view key, value;
};

std::string_view trimmed(std::string_view text) {
    const std::size_t first = std::min(text.find_first_not_of(" \t"), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(" \t;") + 1);
}

std::optional<Assignment> assignment(std::string_view line) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const Assignment found{trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1))};
    const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    if (found.key.empty() || !std::ranges::all_of(found.key, in_word)) return std::nullopt;
    return found;
}

// The value without quotes; a list, or a comment after it, stays as it is.
std::string_view plain(std::string_view value) {
    if (value.size() < 2 || (value.front() != '"' && value.front() != '\'')) return value;
    const std::size_t end = value.find(value.front(), 1);
    return value.substr(1, end == std::string_view::npos ? end : end - 1);
}

struct Meaning {
    std::string_view xl;
    std::string_view ours;    // the key, or what there is in its place
    std::string_view suffix;  // the unit that xl takes for granted
};

constexpr std::array kMeanings{
    Meaning{"name", "name", ""},
    Meaning{"uuid", "uuid", ""},
    Meaning{"type", "type", ""},
    Meaning{"memory", "memory", "MiB"},
    Meaning{"maxmem", "max_memory", "MiB"},
    Meaning{"vcpus", "vcpus", ""},
    Meaning{"maxvcpus", "max_vcpus", ""},
    Meaning{"cpus", "cpus", ""},
    Meaning{"cpus_soft", "cpus_soft", ""},
    Meaning{"cpu_weight", "cpu_weight", ""},
    Meaning{"cap", "cpu_cap", "%"},
    Meaning{"pool", "pool", ""},
    Meaning{"kernel", "kernel", ""},
    Meaning{"ramdisk", "initrd", ""},
    Meaning{"cmdline", "cmdline", ""},
    Meaning{"extra", "cmdline", ""},
    Meaning{"on_poweroff", "on_poweroff", ""},
    Meaning{"on_reboot", "on_reboot", ""},
    Meaning{"on_crash", "on_crash", ""},
    Meaning{"on_watchdog", "on_watchdog", ""},
    Meaning{"max_grant_frames", "max_grant_frames", ""},
    Meaning{"max_maptrack_frames", "max_maptrack_frames", ""},
    Meaning{"max_grant_version", "max_grant_version", ""},
    Meaning{"max_event_channels", "max_event_channels", ""},
};

// What only xl's files call so, and what a domain file has for it without taking the same words.
constexpr std::array kOthers{
    Meaning{"root", "cmdline", ""},    Meaning{"disk", "disks", ""},
    Meaning{"vif", "nics", ""},        Meaning{"script", "hook", ""},  // of an entry of vif
    Meaning{"bootloader", "boot", ""},
};

// As YAML takes it: quoted where it would be something else otherwise.
std::string as_scalar(std::string_view value) {
    constexpr std::string_view kLeading = "-?:,[]{}#&*!|>'\"%@`";
    const bool plain = value.find(": ") == std::string_view::npos && value.find(" #") == std::string_view::npos &&
                       !value.empty() && !value.ends_with(':') &&
                       kLeading.find(value.front()) == std::string_view::npos;
    if (plain) return std::string{value};
    std::string text{"\""};
    for (const char c : value) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return text + '"';
}

// What comes to the same here.
std::string_view ending(std::string_view value) {
    return value == "soft-reset" ? "restart" : value;
}

std::string advice(const Assignment& found) {
    if (found.key == "disk")
        return "\"disk\": each of its entries is one of \"disks\", such as {target: xvda, path: /dev/vg0/web1}, see "
               "hvctl.yaml(5)";
    if (found.key == "vif")
        return "\"vif\": each of its entries is one of \"nics\", such as {bridge: br0, mac: 00:16:3e:00:00:01, "
               "addresses: [192.0.2.10/24]}, see hvctl.yaml(5)";
    if (found.key == "bootloader")
        return "\"bootloader\": write boot: disk, by which the guest loads the kernel from its own disk";
    if (found.key == "root") return fmt::format("\"root\": put root={} into cmdline", plain(found.value));
    const auto* meaning = std::ranges::find(kMeanings, found.key, &Meaning::xl);
    if (meaning == kMeanings.end())
        return fmt::format("\"{}\" has no counterpart in this version; leave it out", found.key);
    if (found.value.starts_with('[')) return fmt::format("write the key \"{}\", see hvctl.yaml(5)", meaning->ours);
    std::string_view value = plain(found.value);
    if (meaning->ours.starts_with("on_")) value = ending(value);
    if (found.key == "type" && (value == "pvh" || value == "hvm"))
        return fmt::format("\"type\": {} guests are not there yet; write type: pv where its kernel can be one", value);
    return fmt::format("write {}: {}{}", meaning->ours, as_scalar(value), meaning->suffix);
}

}  // namespace

bool looks_like_xl_file(const SourceText& file) {
    for (std::uint32_t number = 1; number <= file.line_count(); ++number) {
        const std::string_view line = file.line(number);
        const std::size_t begin = indentation(line);
        if (begin == line.size() || line[begin] == '#') continue;
        const auto found = assignment(line);
        return found && line.substr(0, line.find('=')).find(':') == std::string_view::npos;
    }
    return false;
}

std::string_view key_for_xl(std::string_view key) {
    for (const std::span<const Meaning> known :
         {std::span<const Meaning>{kMeanings}, std::span<const Meaning>{kOthers}}) {
        const auto found = std::ranges::find(known, key, &Meaning::xl);
        if (found != known.end() && found->ours != key) return found->ours;
    }
    return {};
}

void explain_xl_file(const SourceText& file, Diagnostics& diagnostics) {
    bool first = true;
    for (std::uint32_t number = 1; number <= file.line_count(); ++number) {
        const auto found = assignment(file.line(number));
        if (!found) continue;
        const Position position{file.source(), number, static_cast<std::uint32_t>(indentation(file.line(number)) + 1)};
        if (std::exchange(first, false)) {
            diagnostics.error(position,
                              "this is a file for xl (\"key = value\"); hvctl takes YAML (\"key: value\"), see "
                              "hvctl.yaml(5)");
        }
        diagnostics.error(position, advice(*found));
    }
}

}  // namespace hvctld::config
