// Microcode files as vendors' tools write them, with nothing in them that a processor would take.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hv/x86/microcode/microcode.hpp"

namespace hv::x86 {

using File = std::vector<std::byte>;

void append(File& file, std::uint32_t word);
void append(File& file, const File& more);
void set_word(File& file, std::size_t offset, std::uint32_t word);
// The word at `at` becomes what makes bytes [first, last) add up to 0.
void make_sum_zero(File& file, std::size_t first, std::size_t last, std::size_t at);

struct IntelProcessor {
    std::uint32_t signature, flags;
};
struct IntelUpdate {
    IntelProcessor processor{0x0005'0654, 0xb7};
    std::uint32_t revision = 0x0200'006e;
    std::vector<IntelProcessor> others{};  // the table
    std::uint32_t data_bytes = 976;
};
File intel_file(const IntelUpdate& update);

struct AmdPatch {
    std::uint16_t processor;
    std::uint32_t revision;
    std::uint32_t chipset = 0;
};
// `table`: signatures and their short numbers.
File amd_file(const std::vector<std::pair<std::uint32_t, std::uint16_t>>& table, const std::vector<AmdPatch>& patches);

File cpio_file(const std::vector<std::pair<std::string, File>>& members);

}  // namespace hv::x86
