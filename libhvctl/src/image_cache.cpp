#include "image_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "checksum.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kMagic = "hvimage1";
constexpr std::string_view kSuffix = ".image";
constexpr std::string_view kTemporary = ".writing-";
// A temporary file this old was left by a writer that died.
constexpr auto kAbandoned = std::chrono::hours{1};

// The first page of an entry; the image follows page-aligned.
struct Header {
    char magic[8];
    FileIdentity identity;
    std::uint64_t image_bytes;
    std::uint64_t image_checksum;
    char format[64];
    std::uint64_t header_checksum;  // of everything before it
};
static_assert(sizeof(Header) == 136 && sizeof(Header) <= kPageSize);

std::uint64_t checksum_of(const Header& header) {
    return checksum(std::as_bytes(std::span{&header, 1}).first(offsetof(Header, header_checksum)));
}

bool write_all(int fd, std::span<const std::byte> data) {
    while (!data.empty()) {
        const ssize_t wrote = ::write(fd, data.data(), data.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        data = data.subspan(static_cast<std::size_t>(wrote));
    }
    return true;
}

// A user who may write the file could put another kernel into every guest.
bool trusted(const struct stat& status) {
    return S_ISREG(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

FileIdentity FileIdentity::of(const struct stat& status) {
    const auto nanoseconds = [](const timespec& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
    };
    return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
            nanoseconds(status.st_ctim)};
}

fs::path ImageCache::path_of(const FileIdentity& id) const {
    return directory_ / fmt::format("{:x}-{:x}-{:x}-{:x}-{:x}{}", id.device, id.inode, id.size, id.modified_ns,
                                    id.changed_ns, kSuffix);
}

std::optional<ImageCache::Entry> ImageCache::find(const FileIdentity& identity) const {
    const UniqueFd file{::open(path_of(identity).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || !trusted(status)) return std::nullopt;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size <= kPageSize) return std::nullopt;
    // Entries are never changed in place, so the mapping stays whole.
    auto storage = Mapping::file(file.get(), size);
    if (!storage) return std::nullopt;
    Header header;
    std::memcpy(&header, storage->data(), sizeof header);
    if (std::string_view{header.magic, sizeof header.magic} != kMagic ||
        header.header_checksum != checksum_of(header) || header.identity != identity ||
        header.image_bytes != size - kPageSize) {
        return std::nullopt;
    }
    const std::span<const std::byte> image = storage->bytes().subspan(kPageSize);
    if (checksum(image) != header.image_checksum) return std::nullopt;
    // Remembers when it was used last. Failing that it only leaves earlier.
    static_cast<void>(::futimens(file.get(), nullptr));
    return Entry{std::move(*storage), image, {header.format, ::strnlen(header.format, sizeof header.format)}};
}

void ImageCache::store(const FileIdentity& identity, std::span<const std::byte> image, std::string_view format) const {
    std::error_code ignored;
    fs::create_directories(directory_, ignored);
    Header header{};
    kMagic.copy(header.magic, sizeof header.magic);
    header.identity = identity;
    header.image_bytes = image.size();
    header.image_checksum = checksum(image);
    format.copy(header.format, sizeof header.format - 1);
    header.header_checksum = checksum_of(header);
    std::array<std::byte, kPageSize> first{};
    std::memcpy(first.data(), &header, sizeof header);

    std::string temporary = directory_ / fmt::format("{}XXXXXX", kTemporary);
    const UniqueFd file{::mkostemp(temporary.data(), O_CLOEXEC)};
    if (!file) return;
    const bool written = write_all(file.get(), first) && write_all(file.get(), image);
    if (!written || ::rename(temporary.c_str(), path_of(identity).c_str()) != 0) ::unlink(temporary.c_str());
    prune();
}

void ImageCache::prune() const {
    struct Used {
        fs::file_time_type when;
        fs::path path;
    };
    std::vector<Used> entries;
    std::error_code error;
    for (fs::directory_iterator at{directory_, error}, end; !error && at != end; at.increment(error)) {
        std::error_code gone;
        const auto when = at->last_write_time(gone);
        if (gone) continue;
        const std::string name = at->path().filename();
        if (name.ends_with(kSuffix)) {
            entries.push_back({when, at->path()});
        } else if (name.starts_with(kTemporary) && fs::file_time_type::clock::now() - when > kAbandoned) {
            fs::remove(at->path(), gone);
        }
    }
    if (entries.size() <= max_entries_) return;
    std::ranges::sort(entries, {}, &Used::when);
    for (const Used& entry : std::span{entries}.first(entries.size() - max_entries_)) fs::remove(entry.path, error);
}

}  // namespace hvctl
