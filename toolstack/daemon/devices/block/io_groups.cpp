#include "devices/block/io_groups.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "base/files.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOurs = "hvctl-disks";
constexpr std::string_view kController = "io";

template <class Number>
std::optional<Number> number_in(std::string_view text) {
    Number value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// One write(2) is one order to the kernel. 0, or an errno value.
int put_line(const std::string& path, const std::string& line) {
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    return file && ::write(file.get(), line.data(), line.size()) >= 0 ? 0 : errno;
}

Result<void> write_line(const std::string& path, const std::string& line) {
    if (const int problem = put_line(path, line); problem != 0)
        return fail_errno(problem, fmt::format("{}: {}", path, line));
    return {};
}

bool has_word(const std::string& path, std::string_view word) {
    std::ifstream file{path};
    return std::any_of(std::istream_iterator<std::string>{file}, {}, [&](const auto& one) { return one == word; });
}

Result<void> make_group(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(errno, path);
    return {};
}

// Its children can have limits then.
Result<void> hand_down(const std::string& path) {
    const std::string control = path + "/cgroup.subtree_control";
    if (has_word(control, kController)) return {};
    return write_line(control, fmt::format("+{}", kController));
}

std::string rate(std::uint64_t value) {
    return value == 0 ? "max" : std::to_string(value);
}

// xen-blkback calls the threads of a guest's disks DOMID.TARGET-QUEUE.
std::optional<std::uint16_t> domid_of_thread(std::string_view name) {
    const std::size_t dot = name.find('.');
    const std::size_t dash = name.rfind('-');
    if (dot == std::string_view::npos || dash == std::string_view::npos || dash < dot) return std::nullopt;
    const auto domid = number_in<std::uint16_t>(name.substr(0, dot));
    return number_in<unsigned>(name.substr(dash + 1)) ? domid : std::nullopt;
}

// Not a program that calls itself so.
bool is_of_the_kernel(const std::string& process) {
    constexpr std::string_view kOfKthreadd = " 2 ";
    constexpr std::size_t kState = sizeof(") S") - 1;
    const std::string line = first_line(process + "/stat");
    const std::size_t name_end = line.rfind(')');
    return name_end != std::string::npos && line.size() > name_end + kState &&
           std::string_view{line}.substr(name_end + kState).starts_with(kOfKthreadd);
}

}  // namespace

std::string IoGroups::folder(std::uint16_t domid) const {
    return fmt::format("{}/{}/{}", root_, kOurs, domid);
}

Result<void> IoGroups::check() const {
    if (has_word(root_ + "/cgroup.controllers", kController)) return {};
    return fail(ErrorId::NotSupported,
                fmt::format("Dom0's kernel cannot limit disks: {0}/cgroup.controllers does not name {1}. It takes "
                            "cgroup v2 ('systemd.unified_cgroup_hierarchy=1' among Dom0's options)",
                            root_, kController));
}

Result<void> IoGroups::make(std::uint16_t domid) {
    if (groups_.contains(domid)) return {};
    const std::string ours = fmt::format("{}/{}", root_, kOurs);
    TRY(hand_down(root_));
    TRY(make_group(ours));
    TRY(hand_down(ours));
    TRY(make_group(folder(domid)));
    groups_[domid];
    return {};
}

std::vector<pid_t> IoGroups::threads_of_the_kernel() const {
    std::vector<pid_t> threads;
    std::ifstream children{processes_ + "/2/task/2/children"};  // of kthreadd
    if (children) {
        threads.assign(std::istream_iterator<pid_t>{children}, {});
        return threads;
    }
    std::error_code over;
    for (fs::directory_iterator at{processes_, over}, end; !over && at != end; at.increment(over)) {
        const auto process = number_in<pid_t>(at->path().filename().string());
        if (process && is_of_the_kernel(at->path().string())) threads.push_back(*process);
    }
    return threads;
}

void IoGroups::gather() {
    constexpr std::string_view kUnborn = "kthreadd";  // until its maker has named it
    std::map<pid_t, Thread> now;
    for (const pid_t thread : threads_of_the_kernel()) {
        if (const auto known = threads_.find(thread); known != threads_.end()) {
            now[thread] = known->second;
            continue;
        }
        const std::string name = first_line(fmt::format("{}/{}/comm", processes_, thread));
        if (!name.empty() && name != kUnborn) now[thread] = Thread{domid_of_thread(name)};
    }
    threads_ = std::move(now);
    for (auto& [thread, seen] : threads_) {
        if (seen.gathered || !seen.domid || !groups_.contains(*seen.domid)) continue;
        // One that is about to begin cannot be moved yet, and one that has ended need not be.
        seen.gathered = put_line(folder(*seen.domid) + "/cgroup.procs", std::to_string(thread)) == 0;
    }
}

// A line for each device: "7:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0".
std::map<dev_t, DiskCounters> IoGroups::served(std::uint16_t domid) const {
    std::map<dev_t, DiskCounters> all;
    std::ifstream file{folder(domid) + "/io.stat"};
    for (std::string line; std::getline(file, line);) {
        std::istringstream words{line};
        unsigned device_major = 0;
        unsigned device_minor = 0;
        char colon = 0;
        if (!(words >> device_major >> colon >> device_minor)) continue;
        DiskCounters& counters = all[makedev(device_major, device_minor)];
        for (std::string word; words >> word;) {
            const std::size_t equals = word.find('=');
            const auto value =
                number_in<std::uint64_t>(std::string_view{word}.substr(std::min(equals + 1, word.size())));
            const std::string_view key = std::string_view{word}.substr(0, equals);
            if (key == "rbytes") counters.read_bytes = value.value_or(0);
            if (key == "wbytes") counters.written_bytes = value.value_or(0);
            if (key == "rios") counters.reads = value.value_or(0);
            if (key == "wios") counters.writes = value.value_or(0);
        }
    }
    return all;
}

Result<void> IoGroups::write_share(std::uint16_t domid, const DiskShare& share) const {
    return write_line(
        folder(domid) + "/io.max",
        fmt::format("{}:{} riops={} wiops={} rbps={} wbps={}", major(share.device), minor(share.device),
                    rate(share.reads), rate(share.writes), rate(share.read_bytes), rate(share.written_bytes)));
}

Result<void> IoGroups::set(std::uint16_t domid, std::span<const DiskShare> shares) {
    TRY(check());
    TRY(make(domid));
    Shares& written = groups_.at(domid);
    Result<void> all;
    for (const DiskShare& share : shares) {
        const auto known = written.find(share.device);
        if (known != written.end() && known->second == share) continue;
        // A device that goes just now keeps no other from its limit.
        if (auto one = write_share(domid, share); one) {
            written[share.device] = share;
        } else {
            all = std::move(one);
        }
    }
    std::erase_if(written, [&](const auto& entry) {
        return std::ranges::find(shares, entry.first, &DiskShare::device) == shares.end();
    });
    return all;
}

// Whoever has written them. A device that has gone has none.
void IoGroups::take_limits_away(std::uint16_t domid) const {
    std::vector<std::string> devices;
    {
        std::ifstream file{folder(domid) + "/io.max"};
        for (std::string line; std::getline(file, line);) devices.push_back(line.substr(0, line.find(' ')));
    }
    for (const std::string& device : devices)
        (void)put_line(folder(domid) + "/io.max", device + " riops=max wiops=max rbps=max wbps=max");
}

bool IoGroups::keep(const std::function<bool(std::uint16_t domid)>& kept) {
    bool left = false;
    std::error_code over;
    for (fs::directory_iterator at{fmt::format("{}/{}", root_, kOurs), over}, end; !over && at != end;
         at.increment(over)) {
        const auto domid = number_in<std::uint16_t>(at->path().filename().string());
        if (!domid || kept(*domid)) continue;
        groups_.erase(*domid);
        take_limits_away(*domid);
        // As long as there are threads in it, it stays.
        left = ::rmdir(at->path().c_str()) != 0 || left;
    }
    return left;
}

}  // namespace hvctld
