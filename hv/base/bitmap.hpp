// A fixed set of small numbers, or of ids (CPUs, vCPUs). Not atomic; AtomicBitmap is.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hv/base/types.hpp"

namespace hv {

// Which bit stands for a member, and which member a bit stands for.
constexpr std::size_t bit_of(std::size_t member) {
    return member;
}
template <class Tag, class Raw>
constexpr std::size_t bit_of(Id<Tag, Raw> member) {
    return member.raw;
}
template <class Member>
constexpr Member member_at(std::size_t bit) {
    if constexpr (std::is_integral_v<Member>)
        return static_cast<Member>(bit);
    else
        return Member{static_cast<typename Member::Number>(bit)};
}

template <std::size_t Bits, class Member = std::size_t>
class Bitmap {
  public:
    static constexpr std::size_t kWords = (Bits + 63) / 64;

    constexpr bool test(Member member) const {
        const std::size_t bit = bit_of(member);
        return (words_[bit / 64] >> (bit % 64)) & 1;
    }
    constexpr void set(Member member) {
        const std::size_t bit = bit_of(member);
        words_[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
    constexpr void clear(Member member) {
        const std::size_t bit = bit_of(member);
        words_[bit / 64] &= ~(std::uint64_t{1} << (bit % 64));
    }
    constexpr void set_all(std::size_t count = Bits) {
        for (std::size_t bit = 0; bit < count; ++bit) set(member_at<Member>(bit));
    }
    constexpr void clear_all() { words_ = {}; }
    constexpr bool empty() const {
        for (auto word : words_)
            if (word != 0) return false;
        return true;
    }
    constexpr std::size_t count() const {
        std::size_t sum = 0;
        for (auto word : words_) sum += static_cast<std::size_t>(std::popcount(word));
        return sum;
    }
    // The bit of the first member at or after bit `from`, or Bits.
    constexpr std::size_t next(std::size_t from) const {
        for (std::size_t index = from / 64; index < kWords; ++index) {
            std::uint64_t word = words_[index];
            if (index == from / 64) word &= ~std::uint64_t{0} << (from % 64);
            if (word != 0) return index * 64 + static_cast<std::size_t>(std::countr_zero(word));
        }
        return Bits;
    }
    constexpr Bitmap operator&(const Bitmap& other) const {
        Bitmap result;
        for (std::size_t i = 0; i < kWords; ++i) result.words_[i] = words_[i] & other.words_[i];
        return result;
    }
    constexpr Bitmap operator|(const Bitmap& other) const {
        Bitmap result;
        for (std::size_t i = 0; i < kWords; ++i) result.words_[i] = words_[i] | other.words_[i];
        return result;
    }
    constexpr bool operator==(const Bitmap&) const = default;
    constexpr std::uint64_t word(std::size_t index) const { return words_[index]; }
    constexpr void set_word(std::size_t index, std::uint64_t value) { words_[index] = value; }

  private:
    std::array<std::uint64_t, kWords> words_{};
};

template <std::size_t Bits, class Member = std::size_t>
class AtomicBitmap {
  public:
    bool test(Member member) const {
        const std::size_t bit = bit_of(member);
        return (words_[bit / 64].load(std::memory_order_acquire) >> (bit % 64)) & 1;
    }
    // Returns whether the bit was set before.
    bool set(Member member) {
        const std::size_t bit = bit_of(member);
        const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
        return words_[bit / 64].fetch_or(mask, std::memory_order_acq_rel) & mask;
    }
    bool clear(Member member) {
        const std::size_t bit = bit_of(member);
        const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
        return words_[bit / 64].fetch_and(~mask, std::memory_order_acq_rel) & mask;
    }
    Bitmap<Bits, Member> snapshot() const {
        Bitmap<Bits, Member> result;
        for (std::size_t i = 0; i < Bitmap<Bits>::kWords; ++i)
            result.set_word(i, words_[i].load(std::memory_order_acquire));
        return result;
    }

  private:
    std::array<std::atomic<std::uint64_t>, (Bits + 63) / 64> words_{};
};

// The first member after `member`, going round: perhaps that one itself. The set is not empty.
template <std::size_t Bits, class Member>
constexpr Member next_round(const Bitmap<Bits, Member>& set, Member member) {
    const std::size_t found = set.next(bit_of(member) + 1);
    return member_at<Member>(found < Bits ? found : set.next(0));
}

using CpuSet = Bitmap<kMaxCpus, CpuId>;
using AtomicCpuSet = AtomicBitmap<kMaxCpus, CpuId>;

template <std::size_t Bits, class Member, class Visit>
void for_each_bit(const Bitmap<Bits, Member>& set, Visit visit) {
    for (std::size_t bit = set.next(0); bit < Bits; bit = set.next(bit + 1)) visit(member_at<Member>(bit));
}

}  // namespace hv
