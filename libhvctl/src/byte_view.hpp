// Reading untrusted bytes: every access is checked, no offset can overflow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace hvctl {

class ByteView {
  public:
    explicit ByteView(std::span<const std::byte> bytes) : bytes_{bytes} {}

    [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }

    [[nodiscard]] std::optional<std::span<const std::byte>> slice(std::uint64_t offset, std::uint64_t length) const {
        if (offset > bytes_.size() || length > bytes_.size() - offset) return std::nullopt;
        return bytes_.subspan(offset, length);
    }

    // A little-endian T at any alignment.
    template <class T>
    [[nodiscard]] std::optional<T> at(std::uint64_t offset) const {
        static_assert(std::is_trivially_copyable_v<T>);
        const auto part = slice(offset, sizeof(T));
        if (!part) return std::nullopt;
        T value;
        std::memcpy(&value, part->data(), sizeof value);
        return value;
    }

    // Whether `text` stands at `offset`.
    [[nodiscard]] bool has(std::uint64_t offset, std::string_view text) const {
        const auto part = slice(offset, text.size());
        return part && std::memcmp(part->data(), text.data(), text.size()) == 0;
    }

  private:
    std::span<const std::byte> bytes_;
};

}  // namespace hvctl
