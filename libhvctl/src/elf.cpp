#include "elf.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "byte_view.hpp"
#include "hvctl/try.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

namespace {

// A kernel has a handful of segments and fewer sections than this.
constexpr unsigned kMaxSegments = 128;
constexpr unsigned kMaxSections = 4096;

std::string machine_name(unsigned machine) {
    switch (machine) {
        case EM_386: return "32-bit x86";
        case EM_ARM: return "arm";
        case EM_AARCH64: return "aarch64";
        case EM_RISCV: return "riscv";
        case EM_PPC64: return "ppc64";
        case EM_S390: return "s390";
        default: return fmt::format("ELF machine {}", machine);
    }
}

Result<Elf64_Ehdr> read_header(const ByteView& view) {
    const auto ident_data = view.at<std::uint8_t>(EI_DATA);
    const auto machine = view.at<std::uint16_t>(offsetof(Elf64_Ehdr, e_machine));
    if (!ident_data || !machine) return fail(ErrorCode::Truncated, "the ELF file ends inside its header");
    if (*ident_data != ELFDATA2LSB) {
        return fail(ErrorCode::WrongArchitecture, "the kernel is for a big-endian processor and not for x86-64");
    }
    if (*machine != EM_X86_64) {
        return fail(
            ErrorCode::WrongArchitecture,
            fmt::format("the kernel is for another architecture ({}) and not for x86-64", machine_name(*machine)));
    }
    const auto header = view.at<Elf64_Ehdr>(0);
    if (!header) return fail(ErrorCode::Truncated, "the ELF file ends inside its header");
    if (header->e_ident[EI_CLASS] != ELFCLASS64) {
        return fail(ErrorCode::WrongArchitecture, "the kernel is a 32-bit ELF file; 64-bit kernels are supported");
    }
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
        return fail(ErrorCode::NotAKernel,
                    fmt::format("the ELF file is no executable (type {}: an object or a core file)", header->e_type));
    }
    return *header;
}

Result<KernelSegment> check_segment(const ByteView& view, const Elf64_Phdr& header, unsigned index) {
    if (header.p_filesz > header.p_memsz) {
        return fail(ErrorCode::Corrupt, fmt::format("segment {} of the kernel has more bytes in the file ({}) than in "
                                                    "memory ({})",
                                                    index, header.p_filesz, header.p_memsz));
    }
    if (!view.slice(header.p_offset, header.p_filesz)) {
        return fail(ErrorCode::Truncated,
                    fmt::format("the kernel is truncated: segment {} has {} bytes from byte {} on, "
                                "the file ends at byte {}",
                                index, header.p_filesz, header.p_offset, view.size()));
    }
    constexpr auto kLast = std::numeric_limits<std::uint64_t>::max() - kPageSize;
    if (header.p_paddr > kLast || header.p_memsz > kLast - header.p_paddr) {
        return fail(ErrorCode::Corrupt,
                    fmt::format("segment {} of the kernel ({} bytes at {:#x}) does not fit into the "
                                "address space",
                                index, header.p_memsz, header.p_paddr));
    }
    return KernelSegment{header.p_paddr, header.p_vaddr, header.p_offset, header.p_filesz, header.p_memsz};
}

Result<void> check_order(std::vector<KernelSegment>& segments) {
    std::ranges::sort(segments, {}, &KernelSegment::physical);
    for (std::size_t i = 1; i < segments.size(); ++i) {
        const KernelSegment& before = segments[i - 1];
        if (before.physical + before.memory_size <= segments[i].physical) continue;
        return fail(ErrorCode::Corrupt, fmt::format("segments of the kernel overlap: {} bytes at {:#x} and another at "
                                                    "{:#x}",
                                                    before.memory_size, before.physical, segments[i].physical));
    }
    return {};
}

// Notes that no program header covers. Sections are not needed to boot, so one that is out of bounds is passed over.
Result<void> read_section_notes(const ByteView& view, const Elf64_Ehdr& header, XenNotes& notes) {
    if (header.e_shentsize != sizeof(Elf64_Shdr)) return {};
    const unsigned count = std::min<unsigned>(header.e_shnum, kMaxSections);
    const auto table = view.slice(header.e_shoff, std::uint64_t{count} * sizeof(Elf64_Shdr));
    if (!table) return {};
    for (unsigned i = 0; i < count; ++i) {
        const auto section = *ByteView{*table}.at<Elf64_Shdr>(i * sizeof(Elf64_Shdr));
        if (section.sh_type != SHT_NOTE) continue;
        if (const auto area = view.slice(section.sh_offset, section.sh_size)) {
            TRY(read_notes(*area, section.sh_addralign, notes));
        }
    }
    return {};
}

}  // namespace

bool is_elf(std::span<const std::byte> file) {
    return ByteView{file}.has(0, ELFMAG);
}

Result<void> parse_elf(std::span<const std::byte> file, KernelImage& image) {
    const ByteView view{file};
    const Elf64_Ehdr header = TRY(read_header(view));
    if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 || header.e_phnum > kMaxSegments) {
        return fail(ErrorCode::NotAKernel, fmt::format("the ELF file has {} program headers of {} bytes: not a kernel",
                                                       header.e_phnum, header.e_phentsize));
    }
    const auto table = view.slice(header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr));
    if (!table) return fail(ErrorCode::Truncated, "the kernel is truncated: its program headers are beyond its end");
    image.elf_entry = header.e_entry;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        const auto program = *ByteView{*table}.at<Elf64_Phdr>(i * sizeof(Elf64_Phdr));
        if (program.p_type == PT_NOTE) {
            const auto area = view.slice(program.p_offset, program.p_filesz);
            if (!area) return fail(ErrorCode::Truncated, "the kernel is truncated: its notes are beyond its end");
            TRY(read_notes(*area, program.p_align, image.notes));
        }
        if (program.p_type != PT_LOAD || program.p_memsz == 0) continue;
        image.segments.push_back(TRY(check_segment(view, program, i)));
    }
    if (image.segments.empty()) return fail(ErrorCode::NotAKernel, "the ELF file has nothing to load: not a kernel");
    TRY(check_order(image.segments));
    if (!image.notes.present) TRY(read_section_notes(view, header, image.notes));
    image.elf = file;
    return {};
}

}  // namespace hvctl
