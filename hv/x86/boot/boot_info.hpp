// What the boot loader told us, decoded once into plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hv::x86 {

enum class MemoryType : std::uint32_t { Ram = 1, Reserved = 2, AcpiData = 3, AcpiNvs = 4, Unusable = 5 };

struct MemoryMapEntry {
    std::uint64_t start;
    std::uint64_t size;  // bytes
    MemoryType type;
    constexpr std::uint64_t end() const { return start + size; }
};

struct BootModule {
    std::uint64_t start;  // physical
    std::uint64_t size;   // bytes
    std::string_view text;
};

// A list that never allocates; push() says whether there was room.
template <class T, std::size_t Capacity>
class FixedList {
  public:
    constexpr bool push(const T& item) {
        if (size_ == Capacity) return false;
        items_[size_++] = item;
        return true;
    }
    constexpr void clear() { size_ = 0; }
    constexpr void truncate(std::size_t size) {
        if (size < size_) size_ = size;
    }
    constexpr std::size_t size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr bool full() const { return size_ == Capacity; }
    constexpr T& operator[](std::size_t index) { return items_[index]; }
    constexpr const T& operator[](std::size_t index) const { return items_[index]; }
    constexpr T* begin() { return items_.data(); }
    constexpr T* end() { return items_.data() + size_; }
    constexpr const T* begin() const { return items_.data(); }
    constexpr const T* end() const { return items_.data() + size_; }
    constexpr std::span<const T> span() const { return {items_.data(), size_}; }

  private:
    std::array<T, Capacity> items_{};
    std::size_t size_ = 0;
};

inline constexpr std::size_t kMaxMemoryMap = 128;
inline constexpr std::size_t kMaxBootModules = 16;
using MemoryMap = FixedList<MemoryMapEntry, kMaxMemoryMap>;

// The display that the loader left; Dom0's start info passes it on.
struct BootDisplay {
    enum class Kind : std::uint8_t { None, Text, Linear } kind = Kind::None;
    std::uint64_t address = 0;
    std::uint32_t pitch = 0;
    std::uint32_t width = 0;   // pixels, or columns in text mode
    std::uint32_t height = 0;  // pixels, or rows in text mode
    std::uint8_t bits_per_pixel = 0;
    struct Colour {
        std::uint8_t position, size;
    } red{}, green{}, blue{};
};

struct BootInfo {
    std::string_view command_line;
    std::string_view loader;
    MemoryMap memory_map;  // as the loader gave it; sanitise_memory_map() sorts it
    FixedList<BootModule, kMaxBootModules> modules;
    BootDisplay display;
    std::array<std::uint8_t, 36> rsdp{};  // copy of the ACPI root pointer from a Multiboot 2 tag
    std::size_t rsdp_size = 0;            // 0: search for it
    std::array<char, 16384> text{};       // holds all the strings above
    std::size_t text_used = 0;

    // Copies `source` and returns the copy; cut short when there is no room left.
    std::string_view keep(std::string_view source);
};

// The machine's, valid from the first lines of start_machine() on.
const BootInfo& boot_info();

}  // namespace hv::x86
