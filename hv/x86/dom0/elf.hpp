// The parts of the ELF-64 format that a kernel file uses (System V ABI, "Object Files").
#pragma once

#include <cstdint>

namespace hv::x86 {

struct ElfHeader {
    std::uint8_t ident[16];
    std::uint16_t type, machine;
    std::uint32_t version;
    std::uint64_t entry, program_offset, section_offset;
    std::uint32_t flags;
    std::uint16_t header_size, program_size, program_count, section_size, section_count, section_names;
};
static_assert(sizeof(ElfHeader) == 64);

struct ElfProgram {
    std::uint32_t type, flags;
    std::uint64_t offset, virtual_address, physical_address, file_bytes, memory_bytes, alignment;
};
static_assert(sizeof(ElfProgram) == 56);

struct ElfSection {
    std::uint32_t name, type;
    std::uint64_t flags, address, offset, size;
    std::uint32_t link, info;
    std::uint64_t alignment, entry_size;
};
static_assert(sizeof(ElfSection) == 64);

struct ElfNoteHeader {
    std::uint32_t name_bytes, data_bytes, type;
};
static_assert(sizeof(ElfNoteHeader) == 12);

inline constexpr std::uint32_t kElfMagic = 0x464c457f;
inline constexpr std::uint8_t kElfClass64 = 2;
inline constexpr std::uint16_t kElfExecutable = 2;
inline constexpr std::uint16_t kElfX86_64 = 62;
inline constexpr std::uint32_t kElfLoad = 1;
inline constexpr std::uint32_t kElfProgramNote = 4;
inline constexpr std::uint32_t kElfSectionNote = 7;

}  // namespace hv::x86
