#include "storage/filling.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::size_t kPiece = 1 << 20;
constexpr std::size_t kGrain = 4096;                  // what is zeros is left out in these
constexpr std::uint64_t kDevicePiece = 256ull << 20;  // of what the kernel does by itself
constexpr std::uint64_t kSyncEvery = 256ull << 20;    // so that not all of Dom0's memory waits for the disk

Result<void> write_all(int file, const char* data, std::size_t bytes, std::uint64_t at) {
    while (bytes > 0) {
        const ssize_t written = ::pwrite(file, data, bytes, static_cast<off_t>(at));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && (errno == ENOSPC || errno == EDQUOT))
            return fail(ErrorId::NoRoom, fmt::format("writing the volume: {}", std::strerror(errno)));
        if (written < 0) return fail_errno(errno, "writing the volume");
        data += written;
        at += static_cast<std::uint64_t>(written);
        bytes -= static_cast<std::size_t>(written);
    }
    return {};
}

bool is_zero(const char* data, std::size_t bytes) {
    return bytes == 0 || (data[0] == 0 && std::memcmp(data, data + 1, bytes - 1) == 0);
}

// The next stretch of data from `at` on, up to `end`; empty at the end. All of it where the file system, or a block
// device, knows of no holes.
struct Stretch {
    std::uint64_t begin, end;
};
Stretch next_data(int file, std::uint64_t at, std::uint64_t end) {
    if (at >= end) return {end, end};
    const off_t data = ::lseek(file, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0) return errno == ENXIO ? Stretch{end, end} : Stretch{at, end};
    const off_t hole = ::lseek(file, data, SEEK_HOLE);
    const auto begin = std::min(static_cast<std::uint64_t>(data), end);
    return {begin, hole < 0 ? end : std::min(static_cast<std::uint64_t>(hole), end)};
}

// What is written waits for the disk now and then.
class Syncing {
  public:
    explicit Syncing(int file) : file_{file} {}
    Result<void> wrote(std::uint64_t bytes) {
        since_ += bytes;
        if (since_ < kSyncEvery) return {};
        return now();
    }
    Result<void> now() {
        since_ = 0;
        if (::fdatasync(file_) != 0) return fail_errno(errno, "writing the volume");
        return {};
    }

  private:
    int file_;
    std::uint64_t since_ = 0;
};

Result<void> copy_piece(const char* data, std::size_t bytes, int to, std::uint64_t at, Syncing& syncing) {
    for (std::size_t begin = 0; begin < bytes;) {
        const auto grain = [&](std::size_t from) { return std::min(kGrain, bytes - from); };
        std::size_t end = begin;
        while (end < bytes && is_zero(data + end, grain(end))) end += grain(end);
        begin = end;
        while (end < bytes && !is_zero(data + end, grain(end))) end += grain(end);
        TRY(write_all(to, data + begin, end - begin, at + begin));
        TRY(syncing.wrote(end - begin));
        begin = end;
    }
    return {};
}

Result<void> zero_what_is_not(int device, std::uint64_t from, std::uint64_t bytes) {
    std::vector<char> buffer(kPiece);
    const std::vector<char> zeros(kPiece);
    for (std::uint64_t at = from; at < from + bytes;) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, from + bytes - at));
        const ssize_t got = ::pread(device, buffer.data(), wanted, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fail_errno(got < 0 ? errno : EIO, "reading the device");
        const auto read = static_cast<std::size_t>(got);
        if (!is_zero(buffer.data(), read)) TRY(write_all(device, zeros.data(), read, at));
        at += read;
    }
    return {};
}

template <class Piece>
Result<void> each_piece(std::uint64_t from, std::uint64_t end, Pace& pace, Piece piece) {
    pace.whole = end;
    for (std::uint64_t at = from; at < end;) {
        TRY(pace.goes_on());
        const std::uint64_t bytes = std::min(kDevicePiece, end - at);
        TRY(piece(at, bytes));
        at += bytes;
        pace.done = at;
    }
    return {};
}

}  // namespace

Result<void> zero_data(int file, Pace& pace) {
    struct stat status {};
    if (::fstat(file, &status) != 0) return fail_errno(errno, "the volume");
    const auto size = static_cast<std::uint64_t>(status.st_size);
    constexpr std::uint64_t kStatUnit = 512;
    pace.whole = static_cast<std::uint64_t>(status.st_blocks) * kStatUnit;
    const std::vector<char> zeros(kPiece);
    Syncing syncing{file};
    for (Stretch data = next_data(file, 0, size); data.begin < data.end; data = next_data(file, data.end, size)) {
        for (std::uint64_t at = data.begin; at < data.end;) {
            TRY(pace.goes_on());
            const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, data.end - at));
            TRY(write_all(file, zeros.data(), bytes, at));
            TRY(syncing.wrote(bytes));
            at += bytes;
            pace.done += bytes;
        }
    }
    return syncing.now();
}

Result<void> zero_device(StorageHost& host, int device, std::uint64_t from, Pace& pace) {
    return each_piece(from, TRY(host.size_of_device(device)), pace,
                      [&](std::uint64_t at, std::uint64_t bytes) { return host.zero(device, at, bytes); });
}

Result<const char*> discard_device(StorageHost& host, int device, Pace& pace) {
    const std::uint64_t whole = TRY(host.size_of_device(device));
    const auto discarded = each_piece(
        0, whole, pace, [&](std::uint64_t at, std::uint64_t bytes) { return host.discard(device, at, bytes); });
    if (discarded) return "discarded";
    if (discarded.error().id() != ErrorId::NotSupported) return std::unexpected(discarded.error());
    TRY(each_piece(0, whole, pace,
                   [&](std::uint64_t at, std::uint64_t bytes) { return zero_what_is_not(device, at, bytes); }));
    if (::fsync(device) != 0) return fail_errno(errno, "the device");
    return "zeroed";
}

Result<void> copy_sparsely(int from, int to, std::uint64_t bytes, Pace& pace) {
    pace.whole = bytes;
    std::vector<char> buffer(kPiece);
    Syncing syncing{to};
    for (Stretch data = next_data(from, 0, bytes); data.begin < data.end; data = next_data(from, data.end, bytes)) {
        for (std::uint64_t at = data.begin; at < data.end;) {
            TRY(pace.goes_on());
            pace.done = at;
            const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, data.end - at));
            const ssize_t got = ::pread(from, buffer.data(), wanted, static_cast<off_t>(at));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return fail_errno(errno, "reading the image");
            if (got == 0) return fail(ErrorId::ImageUnusable, "the image became shorter while it was copied");
            TRY(copy_piece(buffer.data(), static_cast<std::size_t>(got), to, at, syncing));
            at += static_cast<std::uint64_t>(got);
        }
    }
    pace.done = bytes;
    return syncing.now();
}

}  // namespace hvctld
