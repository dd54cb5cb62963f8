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

Result<void> IoGroups::gather() {
    std::map<pid_t, Thread> now;
    for (const pid_t thread : threads_of_the_kernel()) {
        const auto known = threads_.find(thread);
        now[thread] = known != threads_.end()
                          ? known->second
                          : Thread{domid_of_thread(first_line(fmt::format("{}/{}/comm", processes_, thread)))};
    }
    threads_ = std::move(now);
    for (auto& [thread, seen] : threads_) {
        if (seen.gathered || !seen.domid || !groups_.contains(*seen.domid)) continue;
        const std::string list = folder(*seen.domid) + "/cgroup.procs";
        const int problem = put_line(list, std::to_string(thread));
        if (problem != 0 && problem != ESRCH) return fail_errno(problem, fmt::format("{}: {}", list, thread));
        seen.gathered = true;
    }
    return {};
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
    for (const DiskShare& share : shares) {
        const auto known = written.find(share.device);
        if (known != written.end() && known->second == share) continue;
        TRY(write_share(domid, share));
        written[share.device] = share;
    }
    std::erase_if(written, [&](const auto& entry) {
        return std::ranges::find(shares, entry.first, &DiskShare::device) == shares.end();
    });
    return {};
}

bool IoGroups::keep(const std::function<bool(std::uint16_t domid)>& kept) {
    bool left = false;
    std::error_code over;
    for (fs::directory_iterator at{fmt::format("{}/{}", root_, kOurs), over}, end; !over && at != end;
         at.increment(over)) {
        const auto domid = number_in<std::uint16_t>(at->path().filename().string());
        if (!domid || kept(*domid)) continue;
        if (const auto group = groups_.extract(*domid)) {
            // A device that has gone has no limits.
            for (const auto& [device, share] : group.mapped()) (void)write_share(*domid, DiskShare{.device = device});
        }
        // As long as there are threads in it, it stays.
        left = ::rmdir(at->path().c_str()) != 0 || left;
    }
    return left;
}

}  // namespace hvctld
