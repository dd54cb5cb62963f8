#include "fake_storage_host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "hvctl/try.hpp"

namespace hvctld::test {
namespace {

constexpr std::string_view kGroup = "vg0";

ProgramOutcome refused(const std::string& why) {
    return {5, "", "  " + why + "\n"};
}

void fill(int memory, std::uint64_t from, std::uint64_t bytes, char with) {
    const std::string text(bytes, with);
    (void)!::pwrite(memory, text.data(), text.size(), static_cast<off_t>(from));
}

}  // namespace

// A command of LVM's: its name, its options, and what follows "--".
struct FakeStorageHost::Words {
    std::string verb;
    std::map<std::string, std::string> options;
    std::vector<std::string> about;

    [[nodiscard]] std::string option(const char* name) const {
        const auto found = options.find(name);
        return found != options.end() ? found->second : "";
    }
    [[nodiscard]] std::uint64_t bytes(const char* name) const { return std::stoull("0" + option(name)); }
    [[nodiscard]] std::string volume() const { return about.front().substr(about.front().find('/') + 1); }
};

Result<ProgramOutcome> FakeStorageHost::run(const std::vector<std::string>& command, const std::stop_token&) {
    const std::string line = fmt::format("{}", fmt::join(command, " "));
    if (on_call) TRY(on_call(line));
    const std::scoped_lock lock{mutex_};
    commands_.push_back(line);
    if (command.front() == "/usr/bin/systemd-run") return convert(command);
    if (command.front() != "/usr/sbin/lvm") return ProgramOutcome{};
    Words words;
    words.verb = command.at(1);
    const auto end = std::ranges::find(command, "--");
    for (auto word = command.begin() + 2; word != end; ++word) {
        const bool alone = *word == "--yes" || *word == "--thin" || *word == "--nosuffix";
        words.options[*word] = alone ? "" : *(word + 1);
        if (!alone) ++word;
    }
    words.about.assign(end + 1, command.end());
    return lvm(words);
}

Result<ProgramOutcome> FakeStorageHost::lvm(const Words& words) {
    if (words.verb == "lvcreate") return create(words);
    if (words.verb == "lvextend") return extend(words);
    if (words.verb == "lvs") return report(words);
    if (words.verb == "vgs") {
        const std::string row = fmt::format(R"({{"vg_size":"{}","vg_free":"{}"}})", 64 << 20, free);
        return ProgramOutcome{0, R"({"report":[{"vg":[)" + row + "]}]}", ""};
    }
    if (words.verb == "lvrename") {
        if (volumes_.contains(words.about.at(2))) return refused("already exists in volume group");
        auto node = volumes_.extract(words.about.at(1));
        if (node.empty()) return refused("Existing logical volume not found");
        node.key() = words.about.at(2);
        volumes_.insert(std::move(node));
        return ProgramOutcome{};
    }
    const auto volume = volumes_.find(words.volume());
    if (volume == volumes_.end()) return refused("Failed to find logical volume " + words.about.front());
    if (words.verb == "lvremove") {
        if (!volume->second.thin) free += volume->second.bytes;
        volumes_.erase(volume);
    } else if (words.verb == "lvchange") {
        if (words.options.contains("--addtag")) volume->second.tags.insert(words.option("--addtag"));
        volume->second.tags.erase(words.option("--deltag"));
    } else {
        return refused("no such command: " + words.verb);
    }
    return ProgramOutcome{};
}

bool FakeStorageHost::resize(Volume& volume, std::uint64_t bytes) {
    const std::uint64_t whole = (bytes + kExtent - 1) / kExtent * kExtent;
    if (!volume.thin && whole - volume.bytes > free) return false;
    if (::ftruncate(volume.memory.get(), static_cast<off_t>(whole)) != 0) return false;
    if (!volume.thin) {
        free -= whole - volume.bytes;
        fill(volume.memory.get(), volume.bytes, whole - volume.bytes, kStale);
    }
    volume.bytes = whole;
    return true;
}

ProgramOutcome FakeStorageHost::create(const Words& words) {
    Volume volume;
    volume.thin = words.options.contains("--thin");
    volume.tags.insert(words.option("--addtag"));
    volume.memory = UniqueFd{memfd_create("lv", MFD_CLOEXEC)};
    if (!resize(volume, words.bytes(volume.thin ? "--virtualsize" : "--size")))
        return refused("Volume group \"vg0\" has insufficient free space (16 extents): 99 required.");
    volumes_[words.option("--name")] = std::move(volume);
    return {};
}

ProgramOutcome FakeStorageHost::extend(const Words& words) {
    const auto volume = volumes_.find(words.volume());
    if (volume == volumes_.end()) return refused("Failed to find logical volume");
    if (!resize(volume->second, words.bytes("--size"))) return refused("Insufficient free space: 99 extents needed");
    return {};
}

ProgramOutcome FakeStorageHost::report(const Words&) const {
    std::vector<std::string> rows{
        fmt::format(R"({{"lv_name":"thin","lv_size":"{}","lv_tags":"","pool_lv":"","data_percent":"25.00",)"
                    R"("lv_attr":"twi-aot{}--"}})",
                    16 << 20, pool_zeroes ? "z" : "-")};
    for (const auto& [name, volume] : volumes_) {
        rows.push_back(fmt::format(
            R"({{"lv_name":"{}","lv_size":"{}","lv_tags":"{}","pool_lv":"{}","data_percent":"{}","lv_attr":"-wi-a-----"}})",
            name, volume.bytes, fmt::join(volume.tags, ","), volume.thin ? "thin" : "", volume.thin ? "50.00" : ""));
    }
    return {0, fmt::format(R"({{"report":[{{"lv":[{}]}}]}})", fmt::join(rows, ",")), ""};
}

// What it is given to write to, as the command says.
Result<ProgramOutcome> FakeStorageHost::convert(const std::vector<std::string>& command) {
    constexpr std::string_view kOut = "--property=BindPaths=";
    for (const std::string& word : command) {
        if (!word.starts_with(kOut)) continue;
        const std::string path = word.substr(kOut.size(), word.rfind(':') - kOut.size());
        const UniqueFd out{::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC)};
        if (!out || ::write(out.get(), converted.data(), converted.size()) < 0) return fail_errno(errno, path);
    }
    return ProgramOutcome{};
}

Result<UniqueFd> FakeStorageHost::open_device(const std::string& path) {
    const std::scoped_lock lock{mutex_};
    const auto volume = volumes_.find(path.substr(path.rfind('/') + 1));
    if (!path.starts_with(fmt::format("/dev/{}/", kGroup)) || volume == volumes_.end())
        return fail(ErrorId::FileMissing, path + " is not there");
    return UniqueFd{::fcntl(volume->second.memory.get(), F_DUPFD_CLOEXEC, 0)};
}

Result<std::uint64_t> FakeStorageHost::size_of_device(int device) {
    struct stat status {};
    if (::fstat(device, &status) != 0) return fail_errno(errno, "fstat");
    return static_cast<std::uint64_t>(status.st_size);
}

Result<void> FakeStorageHost::zero(int device, std::uint64_t from, std::uint64_t bytes) {
    if (on_call) TRY(on_call("zero"));
    fill(device, from, bytes, '\0');
    return {};
}

Result<void> FakeStorageHost::discard(int device, std::uint64_t from, std::uint64_t bytes) {
    if (on_call) TRY(on_call("discard"));
    if (!can_discard) return fail(ErrorId::NotSupported, "the device cannot discard");
    fill(device, from, bytes, '\0');
    return {};
}

std::string FakeStorageHost::volumes() const {
    const std::scoped_lock lock{mutex_};
    std::string text;
    for (const auto& [name, volume] : volumes_)
        text += fmt::format("{} {} {}\n", name, volume.bytes, fmt::join(volume.tags, ","));
    return text;
}

std::string FakeStorageHost::content(const std::string& name) const {
    const std::scoped_lock lock{mutex_};
    const Volume& volume = volumes_.at(name);
    std::string text(volume.bytes, '?');
    const ssize_t got = ::pread(volume.memory.get(), text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

void FakeStorageHost::write(const std::string& name, const std::string& text) {
    const std::scoped_lock lock{mutex_};
    (void)!::pwrite(volumes_.at(name).memory.get(), text.data(), text.size(), 0);
}

std::vector<std::string> FakeStorageHost::commands() const {
    const std::scoped_lock lock{mutex_};
    return commands_;
}

void FakeStorageHost::add(const std::string& name, std::uint64_t bytes, const std::set<std::string>& tags) {
    const std::scoped_lock lock{mutex_};
    Volume volume;
    volume.tags = tags;
    volume.memory = UniqueFd{memfd_create("lv", MFD_CLOEXEC)};
    (void)resize(volume, bytes);
    volumes_[name] = std::move(volume);
}

}  // namespace hvctld::test
