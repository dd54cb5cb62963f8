// Formatting into fixed buffers: "{}" any value, "{:x}" hexadecimal, "{:016x}" padded with zeros, "{:8}" right-aligned,
// "{:<8}" left-aligned. A surplus or missing argument shows as "{?}" instead of failing: this runs in panics.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "hv/base/types.hpp"

namespace hv {

struct FormatArgument {
    enum class Kind : std::uint8_t { Signed, Unsigned, Text, Character, Boolean, Pointer } kind;
    union {
        std::int64_t number;
        std::uint64_t bits;
        std::string_view text;
    };
    template <std::signed_integral T>
    constexpr FormatArgument(T value) : kind{Kind::Signed}, number{value} {}
    template <std::unsigned_integral T>
    constexpr FormatArgument(T value) : kind{Kind::Unsigned}, bits{value} {}
    template <class T>
    requires std::is_enum_v<T>
    constexpr FormatArgument(T value) : FormatArgument{static_cast<std::underlying_type_t<T>>(value)} {}
    constexpr FormatArgument(char value) : kind{Kind::Character}, bits{static_cast<unsigned char>(value)} {}
    constexpr FormatArgument(bool value) : kind{Kind::Boolean}, bits{value} {}
    constexpr FormatArgument(std::string_view value) : kind{Kind::Text}, text{value} {}
    constexpr FormatArgument(const char* value) : kind{Kind::Text}, text{value ? value : "(null)"} {}
    FormatArgument(const void* value) : kind{Kind::Pointer}, bits{reinterpret_cast<std::uintptr_t>(value)} {}
    template <class Tag>
    constexpr FormatArgument(FrameNumber<Tag> value) : kind{Kind::Pointer}, bits{value.raw} {}
    template <class Tag>
    constexpr FormatArgument(Address<Tag> value) : kind{Kind::Pointer}, bits{value.raw} {}
    template <class Tag, class Raw>
    constexpr FormatArgument(Id<Tag, Raw> value) : kind{Kind::Unsigned}, bits{value.raw} {}
};

// Writes at most `out.size()` bytes, no NUL; returns what was written.
std::string_view format_to(std::span<char> out, std::string_view pattern, std::span<const FormatArgument> arguments);

template <class... Arguments>
std::string_view format_into(std::span<char> out, std::string_view pattern, const Arguments&... arguments) {
    const FormatArgument list[] = {FormatArgument{arguments}..., FormatArgument{0}};
    return format_to(out, pattern, std::span{list, sizeof...(Arguments)});
}

}  // namespace hv
