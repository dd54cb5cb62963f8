#include "image_maker.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>

#include <algorithm>
#include <stdexcept>

namespace hvctl::test {

namespace {

using hv::abi::xen::ElfNote;

constexpr std::size_t kHeaders = 4096;  // room for the ELF and program headers

template <class T>
void append_value(Bytes& bytes, T value) {
    const auto raw = std::as_bytes(std::span{&value, 1});
    bytes.insert(bytes.end(), raw.begin(), raw.end());
}

template <class T>
void append_big(Bytes& bytes, T value) {
    for (std::size_t i = sizeof value; i > 0; --i) bytes.push_back(static_cast<std::byte>(value >> (i - 1) * 8));
}

void append(Bytes& bytes, std::span<const std::byte> data) {
    bytes.insert(bytes.end(), data.begin(), data.end());
}

Bytes make_note(ElfNote type, std::span<const std::byte> data) {
    Bytes bytes;
    append_value(bytes, std::uint32_t{4});
    append_value(bytes, static_cast<std::uint32_t>(data.size()));
    append_value(bytes, static_cast<std::uint32_t>(type));
    append(bytes, std::as_bytes(std::span{"Xen"}));
    append(bytes, data);
    while (bytes.size() % 4 != 0) bytes.push_back(std::byte{0});
    return bytes;
}

using Filter = int (*)(archive*);

Bytes by_archive(Filter filter, std::span<const std::byte> data) {
    Bytes output(data.size() * 2 + (1 << 20));
    std::size_t used = 0;
    archive* writer = archive_write_new();
    archive_write_set_format_raw(writer);
    // Whole blocks would add zeros after the stream.
    archive_write_set_bytes_in_last_block(writer, 1);
    if (filter(writer) != ARCHIVE_OK) throw std::runtime_error{archive_error_string(writer)};
    archive_write_open_memory(writer, output.data(), output.size(), &used);
    archive_entry* entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_header(writer, entry);
    archive_write_data(writer, data.data(), data.size());
    archive_entry_free(entry);
    archive_write_close(writer);
    archive_write_free(writer);
    output.resize(used);
    return output;
}

// A length that does not fit into an LZ4 or LZO field goes on in bytes; `more` is the byte that says so.
void append_length(Bytes& bytes, std::size_t rest, unsigned more) {
    for (; rest >= 255; rest -= 255) bytes.push_back(static_cast<std::byte>(more));
    bytes.push_back(static_cast<std::byte>(rest));
}

// The kernel's LZ4 format ("legacy"): blocks of at most 8 MiB; literals only is valid and enough here.
Bytes lz4_legacy(std::span<const std::byte> data) {
    Bytes bytes;
    append_value(bytes, std::uint32_t{0x184c2102});
    while (!data.empty()) {
        const auto part = data.first(std::min<std::size_t>(data.size(), 8 << 20));
        Bytes block;
        block.push_back(static_cast<std::byte>(std::min<std::size_t>(part.size(), 15) << 4));
        if (part.size() >= 15) append_length(block, part.size() - 15, 255);
        append(block, part);
        append_value(bytes, static_cast<std::uint32_t>(block.size()));
        append(bytes, block);
        data = data.subspan(part.size());
    }
    return bytes;
}

// LZO1X: first a run of literals, then, if the rest repeats one byte, a match over itself, then the end.
Bytes lzo1x(std::span<const std::byte> data) {
    std::size_t literals = data.size();
    while (literals > 1 && data[literals - 2] == data[literals - 1]) --literals;
    literals = std::max<std::size_t>(literals, 4);
    // Shorter repetitions have other encodings.
    if (data.size() - literals <= 34) literals = data.size();
    Bytes bytes;
    if (literals <= 18) {
        bytes.push_back(static_cast<std::byte>(literals - 3));
    } else {
        bytes.push_back(std::byte{0});
        std::size_t rest = literals - 18;
        for (; rest > 255; rest -= 255) bytes.push_back(std::byte{0});
        bytes.push_back(static_cast<std::byte>(rest));
    }
    append(bytes, data.first(literals));
    if (const std::size_t repeats = data.size() - literals; repeats > 34) {
        bytes.push_back(std::byte{32});
        std::size_t rest = repeats - 33;
        for (; rest > 255; rest -= 255) bytes.push_back(std::byte{0});
        bytes.push_back(static_cast<std::byte>(rest));
        append_value(bytes, std::uint16_t{0});
    }
    for (const unsigned byte : {0x11u, 0u, 0u}) bytes.push_back(static_cast<std::byte>(byte));
    return bytes;
}

Bytes lzop(std::span<const std::byte> data) {
    Bytes bytes;
    append(bytes, std::as_bytes(std::span{"\x89LZO\0\r\n\x1a\n", 9}));
    append_big(bytes, std::uint16_t{0x1040});
    append_big(bytes, std::uint16_t{0x20a0});
    append_big(bytes, std::uint16_t{0x0940});
    bytes.push_back(std::byte{1});  // method
    bytes.push_back(std::byte{5});  // level
    append_big(bytes, std::uint32_t{0});
    for (int i = 0; i < 3; ++i) append_big(bytes, std::uint32_t{0});  // mode, time
    bytes.push_back(std::byte{0});                                    // name
    append_big(bytes, std::uint32_t{0});
    while (!data.empty()) {
        const auto part = data.first(std::min<std::size_t>(data.size(), 256 << 10));
        const Bytes block = lzo1x(part);
        const bool stored = block.size() >= part.size();
        append_big(bytes, static_cast<std::uint32_t>(part.size()));
        append_big(bytes, static_cast<std::uint32_t>(stored ? part.size() : block.size()));
        append(bytes, stored ? part : std::span<const std::byte>{block});
        data = data.subspan(part.size());
    }
    append_big(bytes, std::uint32_t{0});
    return bytes;
}

}  // namespace

Bytes pattern(std::size_t size, std::uint32_t seed) {
    Bytes bytes(size);
    std::uint32_t state = seed;
    for (std::size_t i = 0; i < size; ++i) {
        if (i % 16 == 0) state = state * 1664525 + 1013904223;
        bytes[i] = static_cast<std::byte>(state >> 24);
    }
    return bytes;
}

Bytes note(ElfNote type, std::uint64_t value) {
    return make_note(type, std::as_bytes(std::span{&value, 1}));
}

Bytes note(ElfNote type, std::string_view text) {
    const std::string terminated{text};
    return make_note(type, std::as_bytes(std::span{terminated.c_str(), terminated.size() + 1}));
}

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Bytes TestElf::build() const {
    Bytes bytes(kHeaders);
    std::vector<Elf64_Phdr> programs;
    for (const TestSegment& segment : segments) {
        Elf64_Phdr program{};
        program.p_type = PT_LOAD;
        program.p_offset = bytes.size();
        program.p_paddr = segment.physical;
        program.p_vaddr = 0xffffffff80000000 + segment.physical;
        program.p_filesz = segment.data.size();
        program.p_memsz = std::max<std::uint64_t>(segment.memory_size, segment.data.size());
        programs.push_back(program);
        append(bytes, segment.data);
    }
    while (bytes.size() % 8 != 0) bytes.push_back(std::byte{0});
    const std::size_t notes_at = bytes.size();
    append(bytes, notes);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = type;
    header.e_machine = machine;
    header.e_entry = entry;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    if (notes_in_section) {
        Elf64_Shdr section{};
        section.sh_type = SHT_NOTE;
        section.sh_offset = notes_at;
        section.sh_size = notes.size();
        section.sh_addralign = 4;
        while (bytes.size() % 8 != 0) bytes.push_back(std::byte{0});
        header.e_shoff = bytes.size();
        header.e_shentsize = sizeof section;
        header.e_shnum = 1;
        append_value(bytes, section);
    } else if (!notes.empty()) {
        Elf64_Phdr program{};
        program.p_type = PT_NOTE;
        program.p_offset = notes_at;
        program.p_filesz = notes.size();
        program.p_align = 4;
        programs.push_back(program);
    }
    header.e_phnum = static_cast<Elf64_Half>(programs.size());
    std::memcpy(bytes.data(), &header, sizeof header);
    if (!programs.empty()) {
        std::memcpy(bytes.data() + sizeof header, programs.data(), programs.size() * sizeof programs[0]);
    }
    return bytes;
}

TestElf linux_like() {
    constexpr std::uint64_t kBase = 0xffffffff80000000;
    TestElf elf;
    elf.segments = {{0x1000000, pattern(300'001), 300'001}, {0x1200000, pattern(70'000, 2), 500'000}};
    elf.notes = note(ElfNote::GuestOs, "linux") + note(ElfNote::GuestVersion, "2.6") +
                note(ElfNote::XenVersion, "xen-3.0") + note(ElfNote::VirtBase, kBase) +
                note(ElfNote::InitP2m, 0x8000000000) + note(ElfNote::Entry, kBase + 0x1000000) +
                note(ElfNote::HypercallPage, kBase + 0x1001000) +
                note(ElfNote::Features, "!writable_page_tables|pae_pgdir_above_4gb") +
                note(ElfNote::SupportedFeatures, 0x8801) + note(ElfNote::Loader, "generic") +
                note(ElfNote::ModStartPfn, 1) + note(ElfNote::PaddrOffset, 0);
    elf.entry = 0x1000000;
    return elf;
}

Bytes compress(Compression compression, std::span<const std::byte> data) {
    switch (compression) {
        case Compression::None: return {data.begin(), data.end()};
        case Compression::Gzip: return by_archive(archive_write_add_filter_gzip, data);
        case Compression::Bzip2: return by_archive(archive_write_add_filter_bzip2, data);
        case Compression::Lzma: return by_archive(archive_write_add_filter_lzma, data);
        case Compression::Xz: return by_archive(archive_write_add_filter_xz, data);
        case Compression::Zstd: return by_archive(archive_write_add_filter_zstd, data);
        case Compression::Lz4: return lz4_legacy(data);
        case Compression::Lzo: return lzop(data);
    }
    return {};
}

Bytes bzimage(Compression compression, std::span<const std::byte> elf) {
    Bytes payload = compress(compression, elf);
    if (compression != Compression::None && compression != Compression::Gzip) {
        append_value(payload, static_cast<std::uint32_t>(elf.size()));
    }
    constexpr unsigned kSectors = 3;
    constexpr std::uint32_t kOffset = 0x100;
    Bytes bytes((kSectors + 1) * 512 + kOffset);
    poke(bytes, 0x1f1, std::uint8_t{kSectors});
    poke(bytes, 0x1fe, std::uint16_t{0xaa55});
    std::memcpy(bytes.data() + 0x202, "HdrS", 4);
    poke(bytes, 0x206, std::uint16_t{0x20f});
    poke(bytes, 0x236, std::uint16_t{1});
    poke(bytes, 0x248, kOffset);
    poke(bytes, 0x24c, static_cast<std::uint32_t>(payload.size()));
    append(bytes, payload);
    return bytes;
}

}  // namespace hvctl::test
