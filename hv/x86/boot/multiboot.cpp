#include "hv/x86/boot/multiboot.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace hv::x86 {
namespace {

template <class T>
std::optional<T> load(const PhysicalView& memory, std::uint64_t address) {
    const void* bytes = memory.at(address, sizeof(T));
    if (!bytes) return std::nullopt;
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

std::string_view keep_string(const PhysicalView& memory, std::uint64_t address, BootInfo& out) {
    constexpr std::size_t kLongest = 4096;
    std::size_t length = 0;
    while (length < kLongest) {
        const auto character = load<char>(memory, address + length);
        if (!character || *character == '\0') break;
        ++length;
    }
    const void* bytes = length ? memory.at(address, length) : nullptr;
    return bytes ? out.keep({static_cast<const char*>(bytes), length}) : std::string_view{};
}

struct [[gnu::packed]] Info1 {
    std::uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];  // +0 .. +40
    std::uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name,
        apm_table;                                                                    // +44 .. +68
    std::uint32_t vbe_control_info, vbe_mode_info;                                    // +72 +76
    std::uint16_t vbe_mode, vbe_interface_seg, vbe_interface_off, vbe_interface_len;  // +80
    std::uint64_t framebuffer_addr;                                                   // +88
    std::uint32_t framebuffer_pitch, framebuffer_width, framebuffer_height;           // +96 +100 +104
    std::uint8_t framebuffer_bpp, framebuffer_type, colour[6];                        // +108 +109 +110
};
static_assert(sizeof(Info1) == 116);
enum Info1Flags : std::uint32_t {
    kHasMemory = 1u << 0,
    kHasCommandLine = 1u << 2,
    kHasModules = 1u << 3,
    kHasMemoryMap = 1u << 6,
    kHasLoaderName = 1u << 9,
    kHasFramebuffer = 1u << 12
};

struct [[gnu::packed]] MapEntry1 {
    std::uint32_t size;  // of what follows
    std::uint64_t start, length;
    std::uint32_t type;
};
struct Module1 {
    std::uint32_t start, end, string, reserved;
};

void add_memory(BootInfo& out, std::uint64_t start, std::uint64_t length, std::uint32_t type) {
    if (length == 0) return;
    if (start + length < start) length = ~start;
    if (type < 1 || type > 5) type = static_cast<std::uint32_t>(MemoryType::Reserved);
    out.memory_map.push({start, length, static_cast<MemoryType>(type)});
}

BootDisplay display_of(std::uint64_t address, std::uint32_t pitch, std::uint32_t width, std::uint32_t height,
                       std::uint8_t bits, std::uint8_t type, const std::uint8_t* colour) {
    BootDisplay display{.address = address, .pitch = pitch, .width = width, .height = height, .bits_per_pixel = bits};
    if (type == 2) display.kind = BootDisplay::Kind::Text;
    if (type == 1) {
        display.kind = BootDisplay::Kind::Linear;
        display.red = {colour[0], colour[1]};
        display.green = {colour[2], colour[3]};
        display.blue = {colour[4], colour[5]};
    }
    return display;
}

Result<void> decode1(std::uint32_t address, const PhysicalView& memory, BootInfo& out) {
    const auto info = load<Info1>(memory, address);
    if (!info) return fail(Error::Fault);
    if (info->flags & kHasCommandLine) out.command_line = keep_string(memory, info->cmdline, out);
    if (info->flags & kHasLoaderName) out.loader = keep_string(memory, info->boot_loader_name, out);
    if (info->flags & kHasModules) {
        for (std::uint32_t i = 0; i < std::min<std::uint32_t>(info->mods_count, kMaxBootModules); ++i) {
            const auto module = load<Module1>(memory, std::uint64_t{info->mods_addr} + i * sizeof(Module1));
            if (!module || module->end < module->start) return fail(Error::Fault);
            const auto text = module->string ? keep_string(memory, module->string, out) : std::string_view{};
            out.modules.push({module->start, std::uint64_t{module->end} - module->start, text});
        }
    }
    if (info->flags & kHasMemoryMap) {
        for (std::uint32_t offset = 0; offset + sizeof(MapEntry1) <= info->mmap_length;) {
            const auto entry = load<MapEntry1>(memory, std::uint64_t{info->mmap_addr} + offset);
            if (!entry) return fail(Error::Fault);
            if (entry->size < sizeof(MapEntry1) - 4 || entry->size > 1024) return fail(Error::Fault);
            add_memory(out, entry->start, entry->length, entry->type);
            offset += entry->size + 4;
        }
    } else if (info->flags & kHasMemory) {
        add_memory(out, 0, std::uint64_t{info->mem_lower} * 1024, 1);
        add_memory(out, 0x100000, std::uint64_t{info->mem_upper} * 1024, 1);
    }
    if (info->flags & kHasFramebuffer)
        out.display = display_of(info->framebuffer_addr, info->framebuffer_pitch, info->framebuffer_width,
                                 info->framebuffer_height, info->framebuffer_bpp, info->framebuffer_type, info->colour);
    return {};
}

enum class Tag2 : std::uint32_t {
    End = 0,
    CommandLine = 1,
    LoaderName = 2,
    Module = 3,
    MemoryMap = 6,
    Framebuffer = 8,
    AcpiOld = 14,
    AcpiNew = 15
};
struct TagHeader {
    std::uint32_t type, size;
};
struct [[gnu::packed]] MapTag {
    std::uint32_t entry_size, entry_version;
};
struct [[gnu::packed]] MapEntry2 {
    std::uint64_t start, length;
    std::uint32_t type, reserved;
};
struct [[gnu::packed]] FramebufferTag {
    std::uint64_t address;
    std::uint32_t pitch, width, height;
    std::uint8_t bits, type;
    std::uint16_t reserved;
    std::uint8_t colour[6];
};

std::string_view tag_string(const PhysicalView& memory, std::uint64_t address, std::size_t size, BootInfo& out) {
    const auto* bytes = size ? static_cast<const char*>(memory.at(address, size)) : nullptr;
    if (!bytes) return {};
    const std::string_view text{bytes, size};
    return out.keep(text.substr(0, text.find('\0')));
}

Result<void> decode_tag(Tag2 type, std::uint64_t body, std::size_t size, const PhysicalView& memory, BootInfo& out) {
    switch (type) {
        case Tag2::CommandLine: out.command_line = tag_string(memory, body, size, out); break;
        case Tag2::LoaderName: out.loader = tag_string(memory, body, size, out); break;
        case Tag2::Module: {
            const auto start = load<std::uint32_t>(memory, body), end = load<std::uint32_t>(memory, body + 4);
            if (size < 8 || !start || !end || *end < *start) return fail(Error::Fault);
            out.modules.push({*start, std::uint64_t{*end} - *start, tag_string(memory, body + 8, size - 8, out)});
            break;
        }
        case Tag2::MemoryMap: {
            const auto tag = load<MapTag>(memory, body);
            if (size < sizeof(MapTag) || !tag || tag->entry_size < sizeof(MapEntry2)) return fail(Error::Fault);
            for (std::size_t offset = sizeof(MapTag); offset + tag->entry_size <= size; offset += tag->entry_size) {
                const auto entry = load<MapEntry2>(memory, body + offset);
                if (!entry) return fail(Error::Fault);
                add_memory(out, entry->start, entry->length, entry->type);
            }
            break;
        }
        case Tag2::Framebuffer: {
            const auto tag = load<FramebufferTag>(memory, body);
            if (tag && size >= 24)
                out.display =
                    display_of(tag->address, tag->pitch, tag->width, tag->height, tag->bits, tag->type, tag->colour);
            break;
        }
        case Tag2::AcpiOld:
        case Tag2::AcpiNew: {
            const std::size_t length = std::min(size, out.rsdp.size());
            const void* bytes = memory.at(body, length);
            if (!bytes || length < 20 || length < out.rsdp_size) break;  // the new one wins
            std::memcpy(out.rsdp.data(), bytes, length);
            out.rsdp_size = length;
            break;
        }
        case Tag2::End: break;
    }
    return {};
}

Result<void> decode2(std::uint32_t address, const PhysicalView& memory, BootInfo& out) {
    const auto total = load<std::uint32_t>(memory, address);
    if (!total) return fail(Error::Fault);
    for (std::uint64_t offset = 8; offset + sizeof(TagHeader) <= *total;) {
        const auto tag = load<TagHeader>(memory, address + offset);
        if (!tag || tag->size < sizeof(TagHeader) || tag->size > *total - offset) return fail(Error::Fault);
        if (tag->type == static_cast<std::uint32_t>(Tag2::End)) return {};
        TRY(decode_tag(static_cast<Tag2>(tag->type), address + offset + sizeof(TagHeader),
                       tag->size - sizeof(TagHeader), memory, out));
        offset += (std::uint64_t{tag->size} + 7) & ~std::uint64_t{7};
    }
    return {};
}

}  // namespace

std::string_view BootInfo::keep(std::string_view source) {
    const std::size_t length = std::min(source.size(), text.size() - text_used);
    char* const to = text.data() + text_used;
    std::copy_n(source.data(), length, to);
    text_used += length;
    return {to, length};
}

Result<void> decode_multiboot(std::uint32_t magic, std::uint32_t info, const PhysicalView& memory, BootInfo& out) {
    if (magic == kMultiboot1Magic) return decode1(info, memory, out);
    if (magic == kMultiboot2Magic) return decode2(info, memory, out);
    return fail(Error::BadArgument);
}

}  // namespace hv::x86
