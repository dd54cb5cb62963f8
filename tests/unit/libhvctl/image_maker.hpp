// Kernel images made to order: ELF files with Xen notes, bzImages around them, every compression.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decompress.hpp"
#include "hv/abi/xen/elfnote.hpp"

namespace hvctl::test {

using Bytes = std::vector<std::byte>;

inline std::span<const std::byte> view(const Bytes& bytes) {
    return bytes;
}

// Bytes that compress somewhat and differ everywhere.
Bytes pattern(std::size_t size, std::uint32_t seed = 1);

Bytes note(hv::abi::xen::ElfNote type, std::uint64_t value);
Bytes note(hv::abi::xen::ElfNote type, std::string_view text);
Bytes operator+(Bytes left, const Bytes& right);

struct TestSegment {
    std::uint64_t physical = 0;
    Bytes data;
    std::uint64_t memory_size = 0;
};

struct TestElf {
    std::vector<TestSegment> segments;
    Bytes notes;
    bool notes_in_section = false;  // else in a program header
    std::uint64_t entry = 0;
    std::uint16_t machine = 62;
    std::uint16_t type = 2;
    [[nodiscard]] Bytes build() const;
};

// What a Linux kernel for PV looks like: loaded at 16 MiB, based at -2 GiB, list of frames at 512 GiB, free initrd.
TestElf linux_like();

Bytes compress(Compression compression, std::span<const std::byte> data);

// A bzImage whose payload is `elf` compressed, with its size appended as kernel builds do.
Bytes bzimage(Compression compression, std::span<const std::byte> elf);

// Overwrites a little-endian value.
template <class T>
void poke(Bytes& bytes, std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

}  // namespace hvctl::test
