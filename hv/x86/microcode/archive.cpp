// cpio's "newc" archives, as the Linux kernel's initrd is one (its Documentation/driver-api/early-userspace): members
// with a header in hexadecimal digits, a name and contents, each filled up to a multiple of 4 bytes.
#include <optional>
#include <string_view>

#include "hv/x86/microcode/microcode.hpp"

namespace hv::x86 {
namespace {

constexpr std::size_t kHeaderBytes = 110, kMagicBytes = 6, kFieldBytes = 8, kAlignment = 4;
constexpr std::size_t kFileSizeField = 6, kNameSizeField = 11;

std::string_view text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<std::uint32_t> field(Bytes header, std::size_t which) {
    std::uint32_t value = 0;
    for (char character : text_of(header.subspan(kMagicBytes + which * kFieldBytes, kFieldBytes))) {
        std::uint32_t digit = 0;
        if (character >= '0' && character <= '9') {
            digit = static_cast<std::uint32_t>(character - '0');
        } else if (character >= 'a' && character <= 'f') {
            digit = static_cast<std::uint32_t>(character - 'a') + 10;
        } else if (character >= 'A' && character <= 'F') {
            digit = static_cast<std::uint32_t>(character - 'A') + 10;
        } else {
            return std::nullopt;
        }
        value = value << 4 | digit;
    }
    return value;
}

constexpr std::size_t aligned(std::size_t size) {
    return (size + kAlignment - 1) & ~(kAlignment - 1);
}

std::string_view path_for(Vendor vendor) {
    switch (vendor) {
        case Vendor::Intel: return "kernel/x86/microcode/GenuineIntel.bin";
        case Vendor::Amd: return "kernel/x86/microcode/AuthenticAMD.bin";
        case Vendor::Hygon: return "kernel/x86/microcode/HygonGenuine.bin";
        case Vendor::Centaur:
        case Vendor::Other: break;
    }
    return {};
}

}  // namespace

Bytes find_microcode(Bytes archive, Vendor vendor) {
    const std::string_view wanted = path_for(vendor);
    if (wanted.empty()) return {};
    while (holds(archive, 0, kHeaderBytes)) {
        const std::string_view magic = text_of(archive.first(kMagicBytes));
        if (magic != "070701" && magic != "070702") return {};
        const auto file_size = field(archive, kFileSizeField), name_size = field(archive, kNameSizeField);
        if (!file_size || !name_size || *name_size == 0) return {};
        const std::size_t contents = aligned(kHeaderBytes + *name_size);
        if (!holds(archive, kHeaderBytes, *name_size) || !holds(archive, contents, *file_size)) return {};
        // Its NUL counts.
        const std::string_view name = text_of(archive.subspan(kHeaderBytes, *name_size - 1));
        if (name == wanted) return archive.subspan(contents, *file_size);
        if (name == "TRAILER!!!") return {};
        const std::size_t next = aligned(contents + *file_size);
        if (next > archive.size()) return {};
        archive = archive.subspan(next);
    }
    return {};
}

}  // namespace hv::x86
