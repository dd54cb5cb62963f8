#include "store/journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/format.h>

namespace hvctld::store {

namespace {

constexpr std::string_view kMagic = "hvstore1";

struct FrameHeader {
    std::uint32_t length;
    std::uint32_t checksum;
};

constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0u);  // CRC-32C
        table[i] = value;
    }
    return table;
}

// All of it at `offset`, or false with errno set.
bool write_at(int fd, std::string_view bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t done = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(done));
        offset += static_cast<std::uint64_t>(done);
    }
    return true;
}

bool write_frame(int fd, std::string_view records, std::uint64_t& offset) {
    const FrameHeader header{static_cast<std::uint32_t>(records.size()), checksum(records)};
    std::string frame(sizeof header, '\0');
    std::memcpy(frame.data(), &header, sizeof header);
    frame += records;
    if (!write_at(fd, frame, offset)) return false;
    offset += frame.size();
    return true;
}

std::expected<std::string, int> read_all(int fd) {
    std::string bytes;
    struct stat status {};
    if (::fstat(fd, &status) != 0) return std::unexpected{errno};
    bytes.resize(static_cast<std::size_t>(status.st_size));
    std::size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t done = ::pread(fd, bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return std::unexpected{errno};
        if (done == 0) break;
        have += static_cast<std::size_t>(done);
    }
    bytes.resize(have);
    return bytes;
}

// The next whole frame at `offset`; nothing at the end or at a torn frame.
std::optional<std::string_view> frame_at(std::string_view bytes, std::uint64_t offset) {
    FrameHeader header;
    if (bytes.size() - offset < sizeof header) return std::nullopt;
    std::memcpy(&header, bytes.data() + offset, sizeof header);
    const std::string_view rest = bytes.substr(offset + sizeof header);
    if (header.length == 0 || rest.size() < header.length) return std::nullopt;
    const std::string_view records = rest.substr(0, header.length);
    if (checksum(records) != header.checksum) return std::nullopt;
    return records;
}

}  // namespace

std::uint32_t checksum(std::string_view bytes) {
    static constexpr std::array<std::uint32_t, 256> kTable = make_table();
    std::uint32_t value = 0xffffffffu;
    for (const char c : bytes) value = (value >> 8) ^ kTable[(value ^ static_cast<unsigned char>(c)) & 0xff];
    return ~value;
}

File& File::operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

File::~File() {
    if (fd_ >= 0) ::close(fd_);
}

std::expected<Journal, std::string> Journal::open(const std::string& directory, RecordSink& sink) {
    const auto failure = [&](std::string_view what, int error) {
        return std::unexpected{
            fmt::format("store journal: cannot {} in {}: {}; the folder must be on a file system with free space and "
                        "writable by this process",
                        what, directory, std::strerror(error))};
    };
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return failure("create the folder", errno);
    ::unlink((directory + "/journal.new").c_str());  // of a compaction that did not finish
    const std::string path = directory + "/journal";
    File file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!file) return failure("open the file journal", errno);
    auto bytes = read_all(file.get());
    if (!bytes) return failure("read the file journal", bytes.error());

    std::uint64_t offset = kMagic.size();
    if (bytes->size() < kMagic.size()) {
        *bytes = kMagic;  // new, or killed while it was made
        if (!write_at(file.get(), kMagic, 0)) return failure("write the file journal", errno);
    } else if (!bytes->starts_with(kMagic)) {
        return std::unexpected{fmt::format(
            "store journal: {} is not a journal of this version; stop the guests and move the file away", path)};
    }
    while (const auto records = frame_at(*bytes, offset)) {
        if (!replay_records(*records, sink)) {
            return std::unexpected{fmt::format(
                "store journal: {} holds an unknown record in the frame at byte {}; it was written by a newer "
                "version: install that, or stop the guests and move the file away",
                path, offset)};
        }
        offset += sizeof(FrameHeader) + records->size();
    }
    // Not for nothing: it also gives back what was taken ahead.
    if (offset < bytes->size() && ::ftruncate(file.get(), static_cast<off_t>(offset)) != 0)
        return failure("shorten the file journal", errno);
    Journal journal{directory, std::move(file), offset};
    journal.keep_room();
    return journal;
}

// On a tmpfs the file is memory: giving back that of many domains at once would take longer than anything else here.
void Journal::give_back() {
    constexpr std::uint64_t kStep = 128 * 1024;
    if (!old_) return;
    old_bytes_ -= std::min(old_bytes_, kStep);
    if (old_bytes_ == 0 || ::ftruncate(old_.get(), static_cast<off_t>(old_bytes_)) != 0) old_ = File{};
}

// Room is taken ahead of need: when other programs fill the file system up, the journal still has room for a good
// while.
void Journal::keep_room() {
    constexpr std::uint64_t kRoom = 256 * 1024;
    if (bytes_ + kRoom / 2 <= room_until_) return;
    if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(bytes_), kRoom) == 0)
        room_until_ = bytes_ + kRoom;
}

bool Journal::append(std::string_view records) {
    give_back();
    keep_room();
    const std::uint64_t start = bytes_;
    if (write_frame(file_.get(), records, bytes_)) return true;
    const int error = errno;
    bytes_ = start;
    if (::ftruncate(file_.get(), static_cast<off_t>(start)) != 0) {
        // What got through of the frame stays; its checksum is wrong, so it counts as the end.
    }
    errno = error;
    return false;
}

bool Journal::begin_snapshot() {
    const std::string path = directory_ + "/journal.new";
    next_ = File{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    next_bytes_ = kMagic.size();
    next_snapshot_ = 0;
    tail_start_ = bytes_;
    if (next_ && write_at(next_.get(), kMagic, 0)) return true;
    drop_snapshot();
    return false;
}

bool Journal::add_to_snapshot(std::string_view records) {
    if (records.empty() || write_frame(next_.get(), records, next_bytes_)) return true;
    drop_snapshot();
    return false;
}

bool Journal::copy_tail(std::uint64_t end) {
    if (next_snapshot_ == 0) next_snapshot_ = next_bytes_;
    std::string piece(std::min<std::uint64_t>(64 * 1024, end - tail_start_), '\0');
    while (tail_start_ < end) {
        const std::size_t count = std::min<std::uint64_t>(piece.size(), end - tail_start_);
        const ssize_t done = ::pread(file_.get(), piece.data(), count, static_cast<off_t>(tail_start_));
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        const auto got = static_cast<std::size_t>(done);
        if (!write_at(next_.get(), std::string_view{piece}.substr(0, got), next_bytes_)) return false;
        next_bytes_ += got;
        tail_start_ += got;
    }
    return true;
}

// A failure shows again, and is told, in finish_snapshot().
bool Journal::catch_up(std::uint64_t bytes) {
    if (bytes_ - tail_start_ <= bytes) return false;
    return copy_tail(tail_start_ + bytes) && bytes_ - tail_start_ > bytes;
}

bool Journal::finish_snapshot() {
    const std::string from = directory_ + "/journal.new";
    const std::string to = directory_ + "/journal";
    if (!copy_tail(bytes_) || ::rename(from.c_str(), to.c_str()) != 0) {
        drop_snapshot();
        return false;
    }
    old_ = std::move(file_);
    old_bytes_ = bytes_;
    file_ = std::move(next_);
    next_ = File{};
    bytes_ = next_bytes_;
    snapshot_bytes_ = next_snapshot_;
    room_until_ = 0;
    keep_room();
    return true;
}

void Journal::drop_snapshot() {
    next_ = File{};
    ::unlink((directory_ + "/journal.new").c_str());
}

}  // namespace hvctld::store
