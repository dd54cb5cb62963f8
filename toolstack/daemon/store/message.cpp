#include "store/message.hpp"

#include <cstring>

namespace hvctld::store {

std::string encode_message(MessageType type, std::uint32_t request, std::uint32_t transaction,
                           std::string_view payload) {
    const MessageHeader header{static_cast<std::uint32_t>(type), request, transaction,
                               static_cast<std::uint32_t>(payload.size())};
    std::string message(sizeof header + payload.size(), '\0');
    std::memcpy(message.data(), &header, sizeof header);
    payload.copy(message.data() + sizeof header, payload.size());
    return message;
}

MessageHeader RequestAssembler::header() const {
    MessageHeader header;
    std::memcpy(&header, bytes_.data(), sizeof header);
    return header;
}

bool RequestAssembler::oversize() const {
    return bytes_.size() >= sizeof(MessageHeader) && header().length > kMaxPayload;
}

std::size_t RequestAssembler::wanted() const {
    if (bytes_.size() < sizeof(MessageHeader)) return sizeof(MessageHeader) - bytes_.size();
    return sizeof(MessageHeader) + header().length - bytes_.size();
}

bool RequestAssembler::append(std::string_view bytes) {
    bytes_ += bytes;
    return bytes_.size() >= sizeof(MessageHeader) && !oversize() &&
           bytes_.size() == sizeof(MessageHeader) + header().length;
}

Request RequestAssembler::take() {
    Request request{header(), bytes_.substr(sizeof(MessageHeader))};
    bytes_.clear();
    return request;
}

std::optional<std::vector<std::string_view>> split_strings(std::string_view payload) {
    std::vector<std::string_view> strings;
    while (!payload.empty()) {
        const std::size_t end = payload.find('\0');
        if (end == std::string_view::npos) return std::nullopt;
        strings.push_back(payload.substr(0, end));
        payload.remove_prefix(end + 1);
    }
    return strings;
}

}  // namespace hvctld::store
