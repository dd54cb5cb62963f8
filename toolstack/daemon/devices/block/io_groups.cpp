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

// What files such as "7:0 rbytes=4096 wbytes=0" say: of each device the numbers by their words. "max" is 0.
std::map<dev_t, std::map<std::string, std::uint64_t>> read_by_device(const std::string& path) {
    std::map<dev_t, std::map<std::string, std::uint64_t>> all;
    std::ifstream file{path};
    for (std::string line; std::getline(file, line);) {
        std::istringstream words{line};
        unsigned device_major = 0;
        unsigned device_minor = 0;
        char colon = 0;
        if (!(words >> device_major >> colon >> device_minor)) continue;
        auto& numbers = all[makedev(device_major, device_minor)];
        for (std::string word; words >> word;) {
            const std::size_t equals = word.find('=');
            if (equals == std::string::npos) continue;
            numbers[word.substr(0, equals)] =
                number_in<std::uint64_t>(std::string_view{word}.substr(equals + 1)).value_or(0);
        }
    }
    return all;
}

Result<void> write_share(const std::string& group, dev_t device, const DiskShare& share) {
    const auto rate = [](std::uint64_t value) { return value == 0 ? "max" : std::to_string(value); };
    return write_line(group + "/io.max", fmt::format("{}:{} riops={} wiops={} rbps={} wbps={}", major(device),
                                                     minor(device), rate(share.reads), rate(share.writes),
                                                     rate(share.read_bytes), rate(share.written_bytes)));
}

IoGroups::Shares shares_in(const std::string& group) {
    IoGroups::Shares all;
    for (auto& [device, numbers] : read_by_device(group + "/io.max"))
        all[device] = {numbers["riops"], numbers["wiops"], numbers["rbps"], numbers["wbps"]};
    return all;
}

// Also limits that another program has written. A device that has gone has none.
void take_limits_away(const std::string& group) {
    for (const auto& [device, share] : shares_in(group)) (void)write_share(group, device, {});
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

std::string IoGroups::leaf(std::uint16_t domid) const {
    return folder(domid) + "/disks";
}

IoGroups::Shares IoGroups::shares(std::uint16_t domid) const {
    return shares_in(leaf(domid));
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
    TRY(make_group(leaf(domid)));
    empty_into_leaf(domid);
    TRY(hand_down(folder(domid)));
    groups_.insert(domid);
    return {};
}

// Before there were leaves, threads were in the folder, and shares too; a group that hands down may have no threads.
void IoGroups::empty_into_leaf(std::uint16_t domid) const {
    std::ifstream threads{folder(domid) + "/cgroup.procs"};
    for (std::string line; std::getline(threads, line);) (void)put_line(leaf(domid) + "/cgroup.procs", line);
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
        seen.gathered = put_line(leaf(*seen.domid) + "/cgroup.procs", std::to_string(thread)) == 0;
    }
}

std::map<dev_t, DiskCounters> IoGroups::served(std::uint16_t domid) const {
    std::map<dev_t, DiskCounters> all;
    for (auto& [device, numbers] : read_by_device(leaf(domid) + "/io.stat"))
        all[device] = {numbers["rios"], numbers["wios"], numbers["rbytes"], numbers["wbytes"]};
    return all;
}

Result<void> IoGroups::set(std::uint16_t domid, const Shares& shares, const DiskShare& most) {
    TRY(check());
    TRY(make(domid));
    Result<void> all;
    const Shares present = shares_in(leaf(domid));
    const Shares present_most = shares_in(folder(domid));
    const auto write = [&](const std::string& group, const Shares& there, dev_t device, const DiskShare& wanted) {
        const auto known = there.find(device);
        if ((known != there.end() ? known->second : DiskShare{}) == wanted) return;
        // A device that goes just now keeps no other from its limit.
        if (auto written = write_share(group, device, wanted); !written) all = std::move(written);
    };
    for (const auto& [device, share] : shares) {
        write(folder(domid), present_most, device, most);
        write(leaf(domid), present, device, share);
    }
    return all;
}

bool IoGroups::keep(const std::function<bool(std::uint16_t domid)>& kept) {
    bool left = false;
    std::error_code over;
    for (fs::directory_iterator at{fmt::format("{}/{}", root_, kOurs), over}, end; !over && at != end;
         at.increment(over)) {
        const auto domid = number_in<std::uint16_t>(at->path().filename().string());
        if (!domid || kept(*domid)) continue;
        groups_.erase(*domid);
        for (const std::string& group : {leaf(*domid), folder(*domid)}) {
            take_limits_away(group);
            // As long as there are threads in it, it stays.
            left = (::rmdir(group.c_str()) != 0 && errno != ENOENT) || left;
        }
    }
    return left;
}

}  // namespace hvctld
