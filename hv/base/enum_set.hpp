// A set of members of an enum whose values are 0 .. 63.
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>

namespace hv {

template <class Enum>
class EnumSet {
  public:
    constexpr EnumSet() = default;
    constexpr EnumSet(std::initializer_list<Enum> members) {
        for (Enum member : members) add(member);
    }

    constexpr bool has(Enum member) const { return (bits_ & bit(member)) != 0; }
    constexpr std::uint64_t bits() const { return bits_; }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr int count() const { return std::popcount(bits_); }
    constexpr EnumSet& add(Enum member) {
        bits_ |= bit(member);
        return *this;
    }
    constexpr EnumSet& remove(Enum member) {
        bits_ &= ~bit(member);
        return *this;
    }

    constexpr EnumSet operator|(EnumSet other) const { return EnumSet{bits_ | other.bits_}; }
    constexpr EnumSet operator&(EnumSet other) const { return EnumSet{bits_ & other.bits_}; }
    constexpr EnumSet operator-(EnumSet other) const { return EnumSet{bits_ & ~other.bits_}; }
    constexpr bool operator==(const EnumSet&) const = default;

    template <class Visit>
    constexpr void for_each(Visit visit) const {
        for (std::uint64_t left = bits_; left != 0; left &= left - 1) visit(static_cast<Enum>(std::countr_zero(left)));
    }

  private:
    explicit constexpr EnumSet(std::uint64_t bits) : bits_{bits} {}
    static constexpr std::uint64_t bit(Enum member) { return std::uint64_t{1} << static_cast<unsigned>(member); }

    std::uint64_t bits_ = 0;
};

}  // namespace hv
