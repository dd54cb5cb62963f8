#include "registry/open.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

namespace hvctld {
namespace {

constexpr const char* kSidecars[] = {"", "-wal", "-shm"};

std::string free_name(const std::string& path) {
    const std::time_t now = std::time(nullptr);
    const std::string name = fmt::format("{}.damaged-{:%Y%m%dT%H%M%SZ}", path, fmt::gmtime(now));
    struct stat status {};
    std::string candidate = name;
    for (int i = 2; lstat(candidate.c_str(), &status) == 0; ++i) candidate = fmt::format("{}-{}", name, i);
    return candidate;
}

// sqlite takes it for a new one.
bool is_emptied(const std::string& path) {
    struct stat file {};
    struct stat beside {};
    const bool pages_beside = stat((path + "-wal").c_str(), &beside) == 0 && beside.st_size > 0;
    return stat(path.c_str(), &file) == 0 && S_ISREG(file.st_mode) && file.st_size == 0 && !pages_beside;
}

constexpr std::string_view kBegunAnew =
    "a new one has been begun. Guests that run go on; definitions of stopped domains are not known any more: 'hvctl "
    "create FILE' brings them back";

OpenedRegistry without_a_file(const std::string& path, const Error& reason) {
    const std::string text = fmt::format(
        "the registry {} cannot be opened ({}). Guests that run go on and can be ended, but none can be started: "
        "mend its file system, then 'systemctl restart hvctld'",
        path, reason.message());
    return {Registry::stand_in({ErrorId::Io, text}), text};
}

// Its guests are there all the same, and may have to be ended.
OpenedRegistry of_a_newer_one(const std::string& path, const Error& reason) {
    const std::string text = fmt::format(
        "the registry was written by a newer hvctld ({}). Guests that run go on and can be ended, but none can be "
        "started: "
        "install the newer hvctl again, or move {} away and 'systemctl restart hvctld'",
        reason.message(), path);
    return {Registry::stand_in({ErrorId::NotSupported, text}), text};
}

// `late`: the daemon has stopped waiting for the answer, and goes on without a file.
OpenedRegistry open_now(const std::string& path, const RegistryOpener& open, const std::function<bool()>& late) {
    const bool emptied = is_emptied(path);
    auto opened = open(path);
    if (opened)
        return OpenedRegistry{std::move(*opened),
                              emptied ? fmt::format("the registry {} was empty; {}", path, kBegunAnew) : std::string{}};
    if (opened.error().id() == ErrorId::NotSupported) return of_a_newer_one(path, opened.error());
    if (opened.error().id() != ErrorId::Damaged) return without_a_file(path, opened.error());
    // It would be put aside without anything being said about it.
    if (late()) return without_a_file(path, opened.error());
    const std::string damage = opened.error().message();
    const auto aside = put_database_aside(path);
    if (!aside) return without_a_file(path, aside.error());
    opened = open(path);
    if (!opened) return without_a_file(path, opened.error());
    return OpenedRegistry{
        std::move(*opened),
        fmt::format("the registry was damaged ({}) and is now {}; {}, and 'sqlite3 {} .recover' shows what can be read "
                    "of them",
                    damage, *aside, kBegunAnew, *aside)};
}

// What the thread that opens the file and the one that waits for it share.
struct Opening {
    std::mutex mutex;
    std::condition_variable over;
    std::optional<OpenedRegistry> result;
    bool given_up = false;
};

}  // namespace

Result<std::string> put_database_aside(const std::string& path) {
    const std::string aside = free_name(path);
    for (const char* sidecar : kSidecars) {
        if (std::rename((path + sidecar).c_str(), (aside + sidecar).c_str()) != 0 && errno != ENOENT)
            return fail_errno(errno, "cannot rename " + path + sidecar);
    }
    return aside;
}

OpenedRegistry open_registry(const std::string& path, std::chrono::milliseconds patience, const RegistryOpener& open) {
    const auto opening = std::make_shared<Opening>();
    // Left alone where the disk never answers: nothing can end a thread that hangs in there.
    std::thread{[opening, path, open] {
        OpenedRegistry result = open_now(path, open, [&opening] {
            const std::lock_guard guard{opening->mutex};
            return opening->given_up;
        });
        const std::lock_guard guard{opening->mutex};
        opening->result = std::move(result);
        opening->over.notify_one();
    }}.detach();
    std::unique_lock lock{opening->mutex};
    if (opening->over.wait_for(lock, patience, [&] { return opening->result.has_value(); }))
        return std::move(*opening->result);
    opening->given_up = true;
    return without_a_file(path, {ErrorId::Io, "its disk does not answer"});
}

}  // namespace hvctld
