#include "storage/convert.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/log.hpp"
#include "hvctl/try.hpp"
#include "storage/filling.hpp"
#include "storage/image_format.hpp"

namespace hvctld {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "/usr/bin/qemu-img";
constexpr const char* kUnitNames = "hvctl-convert-";

// Where one conversion has its files. Only root may enter the folder, so the files in it may be readable for all: the
// process that reads them has a user of its own, whose number is not known in advance.
class Workshop {
  public:
    static Result<std::unique_ptr<Workshop>> create(const std::string& scratch) {
        TRY(make_folder(fs::path{scratch}.parent_path().string()));
        if (::mkdir(scratch.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, scratch);
        auto shop = std::make_unique<Workshop>(fmt::format("{}/{}-{}", scratch, getpid(), fresh_suffix()));
        for (const std::string& folder : {shop->folder_, shop->root()}) {
            if (::mkdir(folder.c_str(), 0700) != 0) return fail_errno(errno, folder);
        }
        // The process's files are bind-mounted into it. As the process's root folder it must be open to any user.
        if (::chmod(shop->root().c_str(), 0755) != 0) return fail_errno(errno, shop->root());
        return shop;
    }
    explicit Workshop(std::string folder) : folder_{std::move(folder)} {}
    ~Workshop() {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

    [[nodiscard]] std::string root() const { return folder_ + "/root"; }
    [[nodiscard]] std::string path(const char* file) const { return folder_ + "/" + file; }
    [[nodiscard]] Result<UniqueFd> make(const char* file, mode_t mode) const {
        UniqueFd made{::open(path(file).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
        if (!made || ::fchmod(made.get(), mode) != 0) return fail_errno(errno, path(file));
        return made;
    }
    [[nodiscard]] std::string complaint() const {
        const auto said = read_text_file(path("errors"), 4096);
        ProgramOutcome outcome;
        outcome.status = 1;
        if (said) outcome.errors = *said;
        return outcome.complaint();
    }

  private:
    std::string folder_;
};

// A small image may say that it is of any size: the host keeps what it needs.
Result<std::uint64_t> room_for_result(const std::string& scratch) {
    constexpr std::uint64_t kReserve = std::uint64_t{256} << 20;
    constexpr std::uint64_t kLeast = std::uint64_t{1} << 20;
    struct statvfs system {};
    if (::statvfs(scratch.c_str(), &system) != 0) return fail_errno(errno, scratch);
    const std::uint64_t room = std::uint64_t{system.f_bavail} * system.f_frsize;
    if (room < kReserve + kLeast) return fail(ErrorId::NoRoom, fmt::format("{} has no room for a conversion", scratch));
    return room - kReserve;
}

std::vector<std::string> sandboxed(const Workshop& shop, const std::string& unit, const std::string& format,
                                   std::uint64_t room) {
    const std::vector<std::string> properties{
        "DynamicUser=yes",
        "RootDirectory=" + shop.root(),
        "BindReadOnlyPaths=/usr",
        "BindReadOnlyPaths=-/lib",
        "BindReadOnlyPaths=-/lib64",
        "BindReadOnlyPaths=-/etc/ld.so.cache",
        "BindReadOnlyPaths=" + shop.path("in") + ":/in",
        "BindPaths=" + shop.path("out") + ":/out",
        "StandardOutput=null",
        "StandardError=truncate:" + shop.path("errors"),
        "PrivateNetwork=yes",
        "PrivateDevices=yes",
        "PrivateIPC=yes",
        "ProtectProc=invisible",
        "ProcSubset=pid",
        "ProtectKernelTunables=yes",
        "ProtectControlGroups=yes",
        "ProtectHome=yes",
        "ProtectClock=yes",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "RestrictAddressFamilies=AF_UNIX",  // "none" is not taken over the bus
        "RestrictNamespaces=yes",
        "RestrictSUIDSGID=yes",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged",
        "SystemCallErrorNumber=EPERM",
        "MemoryDenyWriteExecute=yes",
        "LockPersonality=yes",
        fmt::format("LimitFSIZE={}", room),
        "MemoryMax=1G",
        "TasksMax=64",
        "CPUWeight=20",
        "LimitCORE=0",
        "RuntimeMaxSec=12h",
        "OOMScoreAdjust=500",
    };
    std::vector<std::string> command{"/usr/bin/systemd-run", "--quiet", "--wait", "--collect", "--unit=" + unit};
    for (const std::string& property : properties) command.push_back("--property=" + property);
    const std::string driver{qemu_driver(format)};
    for (const char* word : {"--", kProgram, "convert", "-q", "-f", driver.c_str(), "-O", "raw", "/in", "/out"})
        command.emplace_back(word);
    return command;
}

}  // namespace

Result<UniqueFd> convert_image(StorageHost& host, int image, std::uint64_t bytes, const std::string& format,
                               const std::string& scratch, Pace& pace) {
    const auto shop = TRY(Workshop::create(scratch));
    const UniqueFd in = TRY(shop->make("in", 0444));
    UniqueFd out = TRY(shop->make("out", 0666));
    // A copy: it does not change while it is read, and the process needs no access to the original.
    TRY(copy_sparsely(image, in.get(), bytes, pace));
    if (::ftruncate(in.get(), static_cast<off_t>(bytes)) != 0) return fail_errno(errno, "the image's copy");
    TRY(check_format(in.get(), format, "the image"));
    const std::string unit = fmt::format("{}{}.service", kUnitNames, fresh_suffix());
    const auto ran = host.run(sandboxed(*shop, unit, format, TRY(room_for_result(scratch))), pace.cancel);
    if (pace.cancel.stop_requested()) (void)host.run({"/usr/bin/systemctl", "stop", unit}, {});
    TRY(pace.goes_on());
    if (!ran) return std::unexpected(ran.error());
    if (ran->status != 0) {
        if (::access(kProgram, X_OK) != 0) {
            return fail(ErrorId::NotSupported,
                        fmt::format("{} is not installed ('apt install qemu-utils'), and only raw images are read "
                                    "without it",
                                    kProgram));
        }
        const std::string said = shop->complaint();
        return fail(ErrorId::ImageUnusable,
                    fmt::format("qemu-img: {}{}", said, ran->errors.empty() ? "" : "; " + ran->complaint()));
    }
    return out;
}

void sweep_conversions(StorageHost& host, const std::string& scratch) {
    std::error_code problem;
    const std::string own = fmt::format("{}-", getpid());
    bool any = false;
    for (const auto& entry : fs::directory_iterator{scratch, problem}) {
        if (entry.path().filename().string().starts_with(own)) continue;
        if (!any) (void)host.run({"/usr/bin/systemctl", "stop", std::string{kUnitNames} + "*"}, {});
        any = true;
        std::error_code ignored;
        fs::remove_all(entry.path(), ignored);
    }
}

}  // namespace hvctld
