// A domain definition, checked and complete: what a domain file says after defaults and overrides.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/ip_prefix.hpp"
#include "config/values.hpp"

namespace hvctld::config {

enum class DomainType : std::uint8_t { Pv, Pvh, Hvm };
// What becomes of a run that has ended. In the order of the words that readers.cpp takes.
enum class EndAction : std::uint8_t { Destroy, Restart, Preserve, CoredumpDestroy, CoredumpRestart, RenameRestart };
constexpr bool restarts(EndAction action) {
    return action == EndAction::Restart || action == EndAction::CoredumpRestart || action == EndAction::RenameRestart;
}
constexpr bool dumps_core(EndAction action) {
    return action == EndAction::CoredumpDestroy || action == EndAction::CoredumpRestart;
}

std::string_view to_string(DomainType type);
std::string_view to_string(EndAction action);

// 00:16:3e:00:00:01
using MacAddress = std::array<std::uint8_t, 6>;

// What an image may be, by xl's names; the first is the usual one.
inline constexpr std::array<std::string_view, 7> kImageFormats{"raw", "qcow2", "vmdk", "vhdx", "vhd", "vdi", "luks"};
inline constexpr std::string_view kEncrypted = "luks";  // with a key of the host's

// What becomes of the guest when the file system of an image that grows is full. In the order of the words that
// devices.cpp has.
enum class OnFull : std::uint8_t { Pause, Error };

struct DiskDefinition {
    std::string target;  // xvda
    std::string path;
    std::string volume = {};  // POOL/NAME, where the path is that of a volume; empty: just a path
    std::string format = "raw";
    std::string key_file = {};  // an absolute path; of an encrypted image
    bool read_only = false;
    bool cdrom = false;   // read only
    bool shared = false;  // other domains may have it, too, also where one of them writes
    OnFull on_full = OnFull::Pause;
};

// What all disks of a domain together may do in a second. 0: as much as there is.
struct DiskLimits {
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0;
    std::uint32_t burst_seconds = 0;  // so much of what was left unused may be had on top later

    [[nodiscard]] bool any() const { return requests != 0 || bytes != 0; }
    bool operator==(const DiskLimits&) const = default;
};

// "00:16:3e:00:00:01"
std::string format_mac(const MacAddress& mac);
Parsed<MacAddress> parse_mac(std::string_view text);

inline constexpr std::string_view kHostBridge = "hvbr0";
inline constexpr std::uint32_t kUsualMtu = 1500;

// What becomes of a network interface whose transfer_quota is used up. In the order of the words that devices.cpp has.
enum class OverQuota : std::uint8_t { Warn, Stop, Throttle };

// In place of a program.
inline constexpr std::string_view kNoHook = "none";

struct NicDefinition {
    std::string bridge{kHostBridge};
    std::optional<MacAddress> mac;    // none: made from the domain's name when it starts
    std::vector<IpPrefix> addresses;  // what the guest is told, and all that it may send from
    bool any_address = false;         // it may send from any
    // What cloud-init is told: hosts. None: what the host's own network has.
    std::vector<IpPrefix> gateways;  // one of each kind, at most
    std::vector<IpPrefix> nameservers;
    std::uint64_t rate_bits = 0;    // per second, in each direction; 0: no limit
    std::uint32_t mtu = 0;          // 0: the bridge's
    std::uint32_t vlan = 0;         // of a bridge that knows VLANs; 0: what comes without a tag there
    bool offload = true;            // checksums and segments are left to the other end
    bool link = true;               // up
    std::uint64_t quota_bytes = 0;  // received and sent in a calendar month (UTC); 0: no end
    OverQuota over_quota = OverQuota::Warn;
    std::uint64_t over_quota_bits = 0;  // per second, with Throttle
    std::string hook = {};              // the program that is run for it, or kNoHook; empty: the host's
};

// The CPU pool of domains that name none.
inline constexpr std::string_view kFirstPool = "Pool-0";

// What cloud-init in the guest is told.
struct CloudInit {
    std::string hostname;  // empty: the domain's name
    std::vector<std::string> ssh_authorized_keys;
    std::string user_data;  // a file of Dom0; empty: hvctld's own
    bool network = true;    // its addresses, too
};

// Restarts that hvctld makes on its own before it gives up, in any window of that length.
struct RestartLimit {
    std::uint32_t max = 5;
    std::uint32_t window_seconds = 600;
};

struct DomainDefinition {
    std::string name;
    std::string uuid;  // canonical; empty: a fresh one when the domain is defined
    DomainType type = DomainType::Pv;

    std::uint64_t memory = 0;      // bytes, whole pages
    std::uint64_t max_memory = 0;  // at least memory
    std::uint32_t vcpus = 1;
    std::uint32_t max_vcpus = 1;  // at least vcpus

    // None: all CPUs. One: for every vCPU. More: one per vCPU, the last for the remaining ones.
    std::vector<CpuList> cpus;
    std::vector<CpuList> cpus_soft;
    std::uint32_t cpu_weight = 256;
    std::uint32_t cpu_cap = 0;          // percent of one CPU; 0: none
    std::uint32_t cpu_reservation = 0;  // percent of one CPU
    std::string pool{kFirstPool};       // of CPUs

    bool boot_from_disk = false;  // what is on its disks boots it; no kernel then, initrd or cmdline
    std::string kernel;
    std::string initrd;  // empty: none
    std::string cmdline;

    std::vector<DiskDefinition> disks;
    DiskLimits disk_limits;
    std::vector<NicDefinition> nics;
    std::optional<CloudInit> cloud_init;

    EndAction on_poweroff = EndAction::Destroy;
    EndAction on_reboot = EndAction::Restart;
    EndAction on_crash = EndAction::Restart;
    EndAction on_watchdog = EndAction::Restart;
    RestartLimit restart;
    bool autostart = false;

    // 0: hv's defaults.
    std::uint32_t max_event_channels = 0;
    std::uint32_t max_grant_frames = 0;
    std::uint32_t max_maptrack_frames = 0;
    std::uint32_t max_grant_version = 0;

    bool pv_linear_page_tables = false;

    std::vector<std::pair<std::string, std::uint32_t>> xenstore_quota;  // name as the store has it, limit
};

// A disk in one line of JSON, with all that is known of it: a volume's name and its path, too.
std::string disk_text(const DiskDefinition& disk);
// The same of a network interface.
std::string nic_text(const NicDefinition& nic);
// "100Mbit/s"
std::string format_rate(std::uint64_t bits);

// The definition in JSON with the domain file's own keys, defaults written out: itself a valid domain file.
std::string normalised(const DomainDefinition& definition);

}  // namespace hvctld::config
