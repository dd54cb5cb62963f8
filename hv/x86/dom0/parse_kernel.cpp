// What an ELF kernel says of itself, in its program headers and in its Xen notes. All of it is checked before it is
// used: a damaged file ends the boot with a reason, and no more.
#include <algorithm>
#include <cstring>

#include "hv/abi/xen/elfnote.hpp"
#include "hv/x86/dom0/elf.hpp"
#include "hv/x86/dom0/kernel_image.hpp"

namespace hv::x86 {
namespace {

using Bytes = std::span<const std::byte>;

// A part of the file, or nothing when it lies outside.
bool slice(Bytes file, std::uint64_t offset, std::uint64_t size, Bytes& part) {
    if (offset > file.size() || size > file.size() - offset) return false;
    part = file.subspan(offset, size);
    return true;
}

template <class T>
bool read_at(Bytes file, std::uint64_t offset, T& value) {
    Bytes part;
    if (!slice(file, offset, sizeof value, part)) return false;
    std::memcpy(&value, part.data(), sizeof value);
    return true;
}

struct Notes {
    bool any = false;
    std::optional<std::uint64_t> entry, hypercall_page, virt_base, paddr_offset, init_p2m, mod_start_pfn;
    std::string_view guest_os;
};

std::uint64_t number(Bytes data) {
    std::uint64_t value = 0;
    std::memcpy(&value, data.data(), data.size() < sizeof value ? data.size() : sizeof value);
    return value;
}

void take_note(std::uint32_t type, Bytes data, Notes& notes) {
    notes.any = true;
    switch (static_cast<abi::xen::ElfNote>(type)) {
        case abi::xen::ElfNote::Entry: notes.entry = number(data); break;
        case abi::xen::ElfNote::HypercallPage: notes.hypercall_page = number(data); break;
        case abi::xen::ElfNote::VirtBase: notes.virt_base = number(data); break;
        case abi::xen::ElfNote::PaddrOffset: notes.paddr_offset = number(data); break;
        case abi::xen::ElfNote::InitP2m: notes.init_p2m = number(data); break;
        case abi::xen::ElfNote::ModStartPfn: notes.mod_start_pfn = number(data); break;
        case abi::xen::ElfNote::GuestOs: {
            const auto* text = reinterpret_cast<const char*>(data.data());
            notes.guest_os = {text, static_cast<std::size_t>(std::find(text, text + data.size(), '\0') - text)};
            break;
        }
        default: break;
    }
}

void read_notes(Bytes area, Notes& notes) {
    constexpr auto aligned = [](std::uint64_t size) { return (size + 3) & ~std::uint64_t{3}; };
    std::uint64_t at = 0;
    ElfNoteHeader note;
    while (read_at(area, at, note)) {
        Bytes name, data;
        const std::uint64_t name_at = at + sizeof note;
        const std::uint64_t data_at = name_at + aligned(note.name_bytes);
        if (!slice(area, name_at, note.name_bytes, name) || !slice(area, data_at, note.data_bytes, data)) return;
        if (name.size() == 4 && std::memcmp(name.data(), "Xen", 4) == 0) take_note(note.type, data, notes);
        at = data_at + aligned(note.data_bytes);
    }
}

void find_notes(Bytes file, const ElfHeader& header, Notes& notes) {
    for (unsigned i = 0; i < header.program_count && !notes.any; ++i) {
        ElfProgram program;
        Bytes area;
        if (!read_at(file, header.program_offset + std::uint64_t{i} * header.program_size, program)) return;
        if (program.type == kElfProgramNote && slice(file, program.offset, program.file_bytes, area))
            read_notes(area, notes);
    }
    for (unsigned i = 0; i < header.section_count && !notes.any; ++i) {
        ElfSection section;
        Bytes area;
        if (!read_at(file, header.section_offset + std::uint64_t{i} * header.section_size, section)) return;
        if (section.type == kElfSectionNote && slice(file, section.offset, section.size, area)) read_notes(area, notes);
    }
}

}  // namespace

Result<KernelImage> parse_kernel(Bytes file, const char*& why) {
    const auto refuse = [&](const char* reason) {
        why = reason;
        return fail(Error::BadArgument);
    };
    ElfHeader header;
    if (!read_at(file, 0, header)) return refuse("it is too short");
    std::uint32_t magic;
    std::memcpy(&magic, header.ident, sizeof magic);
    if (magic != kElfMagic) return refuse("it is no ELF file");
    if (header.ident[4] != kElfClass64 || header.machine != kElfX86_64)
        return refuse("it is for another architecture than x86-64");
    if (header.type != kElfExecutable || header.program_size < sizeof(ElfProgram)) return refuse("it is no executable");

    Notes notes;
    find_notes(file, header, notes);
    if (!notes.any) return refuse("it has no Xen notes: it was built without Xen PV support");

    KernelImage image;
    image.virt_base = notes.virt_base.value_or(0);
    const std::uint64_t to_virtual = image.virt_base - (notes.virt_base ? notes.paddr_offset.value_or(0) : 0);
    image.entry = notes.entry.value_or(header.entry);
    image.hypercall_page = notes.hypercall_page;
    image.init_p2m = notes.init_p2m;
    image.initrd_by_frame = notes.mod_start_pfn.value_or(0) != 0;
    image.guest_os = notes.guest_os;
    image.start = ~std::uint64_t{0};
    for (unsigned i = 0; i < header.program_count; ++i) {
        ElfProgram program;
        if (!read_at(file, header.program_offset + std::uint64_t{i} * header.program_size, program))
            return refuse("it is truncated");
        if (program.type != kElfLoad || program.memory_bytes == 0) continue;
        if (image.segment_count == image.segments.size()) return refuse("it has too many segments");
        KernelSegment& segment = image.segments[image.segment_count++];
        if (!slice(file, program.offset, program.file_bytes, segment.data)) return refuse("it is truncated");
        if (program.file_bytes > program.memory_bytes || program.memory_bytes > (std::uint64_t{1} << 40))
            return refuse("a segment's sizes make no sense");
        segment.virtual_address = program.physical_address + to_virtual;
        segment.memory_bytes = program.memory_bytes;
        if (segment.virtual_address < image.virt_base) return refuse("a segment lies below its virtual base");
        if (segment.virtual_address < image.start) image.start = segment.virtual_address;
        if (segment.virtual_address + segment.memory_bytes > image.end)
            image.end = segment.virtual_address + segment.memory_bytes;
    }
    if (image.segment_count == 0) return refuse("it has nothing to load");
    if (image.entry < image.start || image.entry >= image.end) return refuse("its entry point lies outside of it");
    if (image.hypercall_page && (*image.hypercall_page < image.start || *image.hypercall_page + 4096 > image.end ||
                                 *image.hypercall_page % 4096))
        return refuse("its hypercall page lies outside of it");
    if (image.init_p2m && (*image.init_p2m >> 47 || *image.init_p2m % (std::uint64_t{1} << 39)))
        return refuse("its place for the phys-to-machine list is not usable");
    return image;
}

}  // namespace hv::x86
