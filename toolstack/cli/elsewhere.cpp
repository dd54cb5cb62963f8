#include "elsewhere.hpp"

#include <algorithm>
#include <array>

namespace hvctl::cli {
namespace {

struct Elsewhere {
    std::string_view verb;  // one that ends with '-' stands for all that begin so
    std::string_view here;
};

constexpr std::string_view kMoving =
    "Guests cannot be saved or moved yet; 'hvctl shutdown -w' ends one in good order, 'hvctl start' starts it anew.";
constexpr std::string_view kDevices =
    "Guests have disks and network interfaces ('hvctl block-attach', 'hvctl network-attach') and no other devices yet.";
constexpr std::string_view kDisks =
    "'hvctl block-attach', 'hvctl block-detach' and 'hvctl block-list' are what there is for the disks of guests.";
constexpr std::string_view kFrozen = "'hvctl pause' and 'hvctl unpause' stop a guest's CPUs and keep its memory.";
constexpr std::string_view kShares =
    "'hvctl sched' shows and changes weight, cap and reservation of domains; hv has one scheduler.";
constexpr std::string_view kPolicy =
    "There is no security policy between guests; who may manage them is for polkit to say, see hvctld(8).";
constexpr std::string_view kLog = "'hvctl console --history' prints what a guest has said, 'hvctl dmesg' hv's log.";
constexpr std::string_view kStop =
    "'hvctl shutdown' asks a guest to power off, 'hvctl destroy' ends it at once, 'hvctl stop-all' ends every guest.";
constexpr std::string_view kForget = "'hvctl forget' takes a domain that has ended off the list.";
constexpr std::string_view kSend = "'hvctl shutdown' and 'hvctl reboot' ask a guest to power off or to restart.";
constexpr std::string_view kAutostart =
    "The key autostart of the domain file says it, from the next 'hvctl create' on; 'hvctl list' shows it.";
constexpr std::string_view kDefine =
    "The domain's file is the place for changes: 'hvctl show' prints what is known, 'hvctl create' takes a file once "
    "the "
    "domain has ended.";
constexpr std::string_view kQuota =
    "The key xenstore_quota says it, in a domain file or for all in /etc/hvctl/hvctl.yaml.";

constexpr std::array kElsewhere = {
    Elsewhere{"save", kMoving},
    Elsewhere{"restore", kMoving},
    Elsewhere{"migrate", kMoving},
    Elsewhere{"migrate-", kMoving},
    Elsewhere{"remus", kMoving},
    Elsewhere{"suspend", kFrozen},
    Elsewhere{"resume", kFrozen},
    Elsewhere{"vm-list", "'hvctl list' shows all domains, and with --json their UUIDs."},
    Elsewhere{"config-update", kDefine},
    Elsewhere{"vncviewer", "Guests have no display; 'hvctl console' is their terminal."},
    Elsewhere{"trigger", kSend},
    Elsewhere{"button-press", kSend},
    Elsewhere{"sharing", "Guests share no memory."},
    Elsewhere{"claims", "'hvctl info' has the memory that is claimed and not filled yet."},
    Elsewhere{"sched-", kShares},
    Elsewhere{"cpupool-numa-split", "'hvctl cpupool-create' makes a pool of any CPUs, a node's, too."},
    Elsewhere{"xentop", "'hvctl top' shows what the domains use, as it changes."},
    Elsewhere{"set-parameters", "hv takes its options when it boots, see hv-command-line(7)."},
    Elsewhere{"xenstore-quota-", kQuota},
    Elsewhere{"devd", kDevices},
    Elsewhere{"cd-", kDisks},
    Elsewhere{"block-configure", kDisks},
    Elsewhere{"network2-",
              "'hvctl network-attach', 'network-detach' and 'network-list' are for all network interfaces."},
    Elsewhere{"p9-", kDevices},
    Elsewhere{"tmem-", "hv has no transcendent memory; a guest's memory is its own."},
    Elsewhere{"channel-", kDevices},
    Elsewhere{"vtpm-", kDevices},
    Elsewhere{"vkb-", kDevices},
    Elsewhere{"vdispl-", kDevices},
    Elsewhere{"vsnd-", kDevices},
    Elsewhere{"pci-", kDevices},
    Elsewhere{"usbctrl-", kDevices},
    Elsewhere{"usbdev-", kDevices},
    Elsewhere{"usb-", kDevices},
    Elsewhere{"qemu-monitor-command", "No guest has a device model."},
    Elsewhere{"getenforce", kPolicy},
    Elsewhere{"setenforce", kPolicy},
    Elsewhere{"loadpolicy", kPolicy},
    Elsewhere{"psr-", "The caches' shares of guests cannot be set."},
    Elsewhere{"stop", kStop},
    Elsewhere{"kill", kStop},
    Elsewhere{"poweroff", kStop},
    Elsewhere{"restart", "'hvctl reboot' asks a guest to restart, 'hvctl start' starts one that has ended."},
    Elsewhere{"autostart", kAutostart},
    Elsewhere{"enable", kAutostart},
    Elsewhere{"disable", kAutostart},
    Elsewhere{"define", kDefine},
    Elsewhere{"edit", kDefine},
    Elsewhere{"status", "'hvctl list' shows the domains' states, 'hvctl info' the host."},
    Elsewhere{"run", "'hvctl create' makes a domain from a file and starts it."},
    Elsewhere{"exec", "'hvctl console' attaches to a guest's console; nothing runs programs inside a guest."},
    Elsewhere{"delete", kForget},
    Elsewhere{"undefine", kForget},
    Elsewhere{"remove", kForget},
    Elsewhere{"rm", kForget},
    Elsewhere{"log", kLog},
    Elsewhere{"logs", kLog},
    Elsewhere{"attach", "'hvctl console' attaches to a guest's console."},
    Elsewhere{"ps", "'hvctl list' shows the domains."},
    Elsewhere{"ls", "'hvctl list' shows the domains."},
};

}  // namespace

std::string_view in_place_of(std::string_view verb) {
    const auto* found = std::ranges::find_if(kElsewhere, [verb](const Elsewhere& entry) {
        return entry.verb.ends_with('-') ? verb.starts_with(entry.verb) : verb == entry.verb;
    });
    return found != kElsewhere.end() ? found->here : std::string_view{};
}

}  // namespace hvctl::cli
