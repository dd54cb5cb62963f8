// A fixed set of small numbers, e.g. of CPUs. Not atomic; AtomicBitmap is.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "hv/base/types.hpp"

namespace hv {

template <std::size_t Bits>
class Bitmap {
  public:
    static constexpr std::size_t kWords = (Bits + 63) / 64;

    constexpr bool test(std::size_t bit) const { return (words_[bit / 64] >> (bit % 64)) & 1; }
    constexpr void set(std::size_t bit) { words_[bit / 64] |= std::uint64_t{1} << (bit % 64); }
    constexpr void clear(std::size_t bit) { words_[bit / 64] &= ~(std::uint64_t{1} << (bit % 64)); }
    constexpr void set_all(std::size_t count = Bits) {
        for (std::size_t bit = 0; bit < count; ++bit) set(bit);
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
    // First member at or after `from`, or Bits.
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

template <std::size_t Bits>
class AtomicBitmap {
  public:
    bool test(std::size_t bit) const { return (words_[bit / 64].load(std::memory_order_acquire) >> (bit % 64)) & 1; }
    // Returns whether the bit was set before.
    bool set(std::size_t bit) {
        const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
        return words_[bit / 64].fetch_or(mask, std::memory_order_acq_rel) & mask;
    }
    bool clear(std::size_t bit) {
        const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
        return words_[bit / 64].fetch_and(~mask, std::memory_order_acq_rel) & mask;
    }
    Bitmap<Bits> snapshot() const {
        Bitmap<Bits> result;
        for (std::size_t i = 0; i < Bitmap<Bits>::kWords; ++i)
            result.set_word(i, words_[i].load(std::memory_order_acquire));
        return result;
    }

  private:
    std::array<std::atomic<std::uint64_t>, (Bits + 63) / 64> words_{};
};

using CpuSet = Bitmap<kMaxCpus>;
using AtomicCpuSet = AtomicBitmap<kMaxCpus>;

template <std::size_t Bits, class Visit>
void for_each_bit(const Bitmap<Bits>& set, Visit visit) {
    for (std::size_t bit = set.next(0); bit < Bits; bit = set.next(bit + 1)) visit(bit);
}

}  // namespace hv
