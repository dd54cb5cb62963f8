#include "devices/network/vif.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/devices.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kRecord = "hvctl-nic";
constexpr std::array<std::string_view, 3> kStates{"coming", "there", "going"};

}  // namespace

std::string vif_name(std::uint16_t domid, std::uint32_t number) {
    return fmt::format("vif{}.{}", domid, number);
}

BusDevices::Entry vif_entry(const std::string& domain, const config::NicDefinition& nic, std::uint32_t number) {
    const std::string handle = fmt::format("{}", number);
    const std::string mac = config::format_mac(nic.mac.value_or(config::MacAddress{}));
    BusDevices::Entry entry{number,
                            {{"handle", handle}, {"mac", mac}},
                            {{"handle", handle},
                             {"mac", mac},
                             {"bridge", nic.bridge},
                             {"domain", domain},
                             {"type", "vif"},
                             {"script", ""},  // netback wants it to be there
                             vif_rate(nic),
                             vif_record(nic, NicState::Coming)}};
    if (nic.mtu != 0) {
        for (auto* nodes : {&entry.frontend, &entry.backend}) nodes->push_back({"mtu", fmt::format("{}", nic.mtu)});
    }
    return entry;
}

BusDevices::Node vif_record(const config::NicDefinition& nic, NicState state) {
    return {std::string{kRecord}, fmt::format("{} {}", kStates[static_cast<std::size_t>(state)], config::nic_text(nic)),
            true};
}

BusDevices::Node vif_rate(const config::NicDefinition& nic) {
    constexpr std::uint64_t kWindowUs = 50'000;
    constexpr std::uint64_t kBitsTimesUs = 8'000'000;
    if (nic.rate_bits == 0) return {"rate", ""};
    const std::uint64_t bytes = std::max<std::uint64_t>(nic.rate_bits * kWindowUs / kBitsTimesUs, 1);
    constexpr std::uint64_t kMost = UINT32_MAX - 1;  // netback counts in 32 bits on the way
    return {"rate", fmt::format("{},{}", std::min(bytes, kMost), kWindowUs)};
}

BusDevices::Node vif_ready() {
    return {"hotplug-status", "connected"};
}

std::optional<VifRecord> read_vif_record(const BusDevices& vifs, std::uint32_t number) {
    const std::string text = vifs.read(number, kRecord).value_or("");
    const std::size_t blank = text.find(' ');
    const auto state = std::ranges::find(kStates, std::string_view{text}.substr(0, blank));
    if (state == kStates.end() || blank == std::string::npos) return std::nullopt;
    config::Diagnostics diagnostics;
    auto nic = config::parse_nic(std::string_view{text}.substr(blank + 1), "the store", diagnostics);
    if (!nic || !nic->mac) return std::nullopt;
    return VifRecord{static_cast<NicState>(state - kStates.begin()), std::move(*nic)};
}

}  // namespace hvctld
