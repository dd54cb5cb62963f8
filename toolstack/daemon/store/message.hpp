// Messages of the wire protocol (public/io/xs_wire.h): a header of four little-endian words, then up to kMaxPayload
// bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/types.hpp"

namespace hvctld::store {

enum class MessageType : std::uint32_t {
    Control = 0,
    Directory = 1,
    Read = 2,
    GetPermissions = 3,
    Watch = 4,
    Unwatch = 5,
    TransactionStart = 6,
    TransactionEnd = 7,
    Introduce = 8,
    Release = 9,
    GetDomainPath = 10,
    Write = 11,
    MakeDirectory = 12,
    Remove = 13,
    SetPermissions = 14,
    WatchEvent = 15,
    Error = 16,
    IsDomainIntroduced = 17,
    Resume = 18,
    SetTarget = 19,
    ResetWatches = 21,
    DirectoryPart = 22,
};

struct MessageHeader {
    std::uint32_t type;         // +0
    std::uint32_t request;      // +4   chosen by the client, echoed
    std::uint32_t transaction;  // +8
    std::uint32_t length;       // +12  of the payload
};
static_assert(sizeof(MessageHeader) == 16);
inline constexpr std::size_t kMaxMessage = sizeof(MessageHeader) + kMaxPayload;

struct Request {
    MessageHeader header{};
    std::string payload;
};

// The wire form; `payload` is at most kMaxPayload bytes.
std::string encode_message(MessageType type, std::uint32_t request, std::uint32_t transaction,
                           std::string_view payload);

// Puts a client's bytes together to requests.
class RequestAssembler {
  public:
    // Bytes that are missing until the header, or then the whole message, is there. Never 0.
    std::size_t wanted() const;
    // Takes at most wanted() bytes. True: a request is complete, take() it first.
    bool append(std::string_view bytes);
    Request take();
    // The header announces more than a payload may have: the stream cannot be followed any further.
    bool oversize() const;

    // What has arrived of an unfinished message; for the journal.
    const std::string& partial() const { return bytes_; }
    void restore(std::string partial) { bytes_ = std::move(partial); }

  private:
    MessageHeader header() const;
    std::string bytes_;
};

// The NUL-terminated strings in a payload; nothing if the last one is not terminated.
std::optional<std::vector<std::string_view>> split_strings(std::string_view payload);

}  // namespace hvctld::store
