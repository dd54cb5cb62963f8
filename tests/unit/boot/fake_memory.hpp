// Physical memory for the parsers: what was put there, and nothing around it, so that a sanitizer sees every step
// outside.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "hv/x86/boot/multiboot.hpp"

namespace hv::x86 {

class FakeMemory final : public PhysicalView {
  public:
    void put(std::uint64_t address, std::vector<std::uint8_t> bytes) { blocks_[address] = std::move(bytes); }
    void put(std::uint64_t address, const std::string& text) {
        put(address, std::vector<std::uint8_t>{text.begin(), text.end()});
    }

    const void* at(std::uint64_t physical, std::size_t size) const override {
        auto block = blocks_.upper_bound(physical);
        if (block == blocks_.begin()) return nullptr;
        --block;
        const std::uint64_t offset = physical - block->first;
        if (offset > block->second.size() || size > block->second.size() - offset) return nullptr;
        return block->second.data() + offset;
    }

  private:
    std::map<std::uint64_t, std::vector<std::uint8_t>> blocks_;
};

// Little-endian bytes, one value after the other.
class Bytes {
  public:
    template <class T>
    Bytes& add(T value) {
        const auto* raw = reinterpret_cast<const std::uint8_t*>(&value);
        bytes_.insert(bytes_.end(), raw, raw + sizeof value);
        return *this;
    }
    Bytes& add8(std::uint8_t value) { return add(value); }
    Bytes& add16(std::uint16_t value) { return add(value); }
    Bytes& add32(std::uint32_t value) { return add(value); }
    Bytes& add64(std::uint64_t value) { return add(value); }
    Bytes& text(const std::string& value) {
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        return *this;
    }
    Bytes& fill_to(std::size_t size) {
        bytes_.resize(size);
        return *this;
    }
    std::vector<std::uint8_t>& bytes() { return bytes_; }

  private:
    std::vector<std::uint8_t> bytes_;
};

}  // namespace hv::x86
