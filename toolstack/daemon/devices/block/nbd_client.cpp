#include "devices/block/nbd_client.hpp"

#include <endian.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "devices/block/unix_socket.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

// Names as the protocol's text has them.
constexpr std::uint64_t kInitMagic = 0x4e42444d41474943;    // "NBDMAGIC"
constexpr std::uint64_t kOptionMagic = 0x49484156454f5054;  // "IHAVEOPT"
constexpr std::uint64_t kReplyMagic = 0x0003e889045565a9;
constexpr std::uint16_t kFixedNewstyle = 1 << 0;
constexpr std::uint32_t kClientFixedNewstyle = 1 << 0;
constexpr std::uint32_t kOptionGo = 7;
constexpr std::uint32_t kReplyAck = 1;
constexpr std::uint32_t kReplyInfo = 3;
constexpr std::uint32_t kReplyError = std::uint32_t{1} << 31;
constexpr std::uint16_t kInfoExport = 0;
constexpr std::uint32_t kLongestReply = 4096;
constexpr int kMostReplies = 16;
constexpr std::chrono::seconds kAnswerPatience{10};

// Big-endian numbers, one after the other.
class Words {
  public:
    explicit Words(int socket) : socket_{socket} {}

    Result<void> read(void* to, std::size_t bytes) {
        auto* at = static_cast<char*>(to);
        while (bytes > 0) {
            if (std::chrono::steady_clock::now() > deadline_)
                return fail(ErrorId::BackendFailed, "the image's server does not answer in time");
            const ssize_t got = recv(socket_, at, bytes, 0);
            if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
            if (got < 0) return fail_errno(errno, "the image's server");
            if (got == 0) return fail(ErrorId::BackendFailed, "the image's server has hung up");
            at += got;
            bytes -= static_cast<std::size_t>(got);
        }
        return {};
    }
    Result<std::uint16_t> read16() {
        std::uint16_t value = 0;
        TRY(read(&value, sizeof value));
        return be16toh(value);
    }
    Result<std::uint32_t> read32() {
        std::uint32_t value = 0;
        TRY(read(&value, sizeof value));
        return be32toh(value);
    }
    Result<std::uint64_t> read64() {
        std::uint64_t value = 0;
        TRY(read(&value, sizeof value));
        return be64toh(value);
    }

    void add32(std::uint32_t value) {
        const std::uint32_t big = htobe32(value);
        add(&big, sizeof big);
    }
    void add64(std::uint64_t value) {
        const std::uint64_t big = htobe64(value);
        add(&big, sizeof big);
    }
    void add(const void* from, std::size_t bytes) {
        const auto* at = static_cast<const char*>(from);
        out_.insert(out_.end(), at, at + bytes);
    }
    Result<void> send() {
        const ssize_t sent = ::send(socket_, out_.data(), out_.size(), MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(out_.size())) return fail_errno(sent < 0 ? errno : EIO, "the image's server");
        out_.clear();
        return {};
    }

  private:
    int socket_;
    // For all of its answers together: a hostile image may have taken over the server that is asked.
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + kAnswerPatience;
    std::vector<char> out_;
};

std::unexpected<Error> no_nbd() {
    return fail(ErrorId::BackendFailed, "the image's server does not speak NBD");
}

Result<void> greet(Words& words) {
    const std::uint64_t magic = TRY(words.read64());
    const std::uint64_t style = TRY(words.read64());
    const std::uint16_t flags = TRY(words.read16());
    if (magic != kInitMagic || style != kOptionMagic || (flags & kFixedNewstyle) == 0) return no_nbd();
    words.add32(kClientFixedNewstyle);
    return {};
}

// The server says what it has in any number of replies, the last of which takes or refuses.
Result<NbdExport> read_replies(Words& words) {
    NbdExport found;
    for (int replies = 0; replies < kMostReplies; ++replies) {
        const std::uint64_t magic = TRY(words.read64());
        const std::uint32_t option = TRY(words.read32());
        const std::uint32_t type = TRY(words.read32());
        const std::uint32_t length = TRY(words.read32());
        if (magic != kReplyMagic || option != kOptionGo || length > kLongestReply) return no_nbd();
        std::vector<char> data(length);
        TRY(words.read(data.data(), data.size()));
        if (type == kReplyAck) {
            if (found.bytes == 0) return fail(ErrorId::ImageUnusable, "the disk in the image is empty");
            return found;
        }
        if ((type & kReplyError) != 0) {
            return fail(ErrorId::BackendFailed,
                        fmt::format("the image's server refuses: {}", printable({data.begin(), data.end()})));
        }
        struct [[gnu::packed]] {
            std::uint16_t kind;
            std::uint64_t bytes;
            std::uint16_t flags;
        } info{};
        if (type != kReplyInfo || length != sizeof info) continue;
        std::memcpy(&info, data.data(), sizeof info);
        if (be16toh(info.kind) != kInfoExport) continue;
        found = {be64toh(info.bytes), be16toh(info.flags)};
    }
    return no_nbd();
}

}  // namespace

Result<NbdExport> open_nbd_export(int socket, const std::string& name) {
    Words words{socket};
    TRY(greet(words));
    constexpr std::uint32_t kNoRequests = 2;  // bytes of a count that is 0
    words.add64(kOptionMagic);
    words.add32(kOptionGo);
    words.add32(static_cast<std::uint32_t>(sizeof(std::uint32_t) + name.size() + kNoRequests));
    words.add32(static_cast<std::uint32_t>(name.size()));
    words.add(name.data(), name.size());
    const std::array<char, kNoRequests> none{};
    words.add(none.data(), none.size());
    TRY(words.send());
    return read_replies(words);
}

}  // namespace hvctld
