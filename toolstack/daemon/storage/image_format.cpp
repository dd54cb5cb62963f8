#include "storage/image_format.hpp"

#include <endian.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

using namespace std::string_view_literals;

struct Format {
    std::string_view name;  // as definitions have it; empty: none that can be served
    std::string_view title;
    std::size_t at;
    std::string_view magic;
};
// Of the formats' own documents, and docs/interop/ of QEMU.
constexpr std::array kFormats{
    Format{"qcow2", "qcow2", 0, "QFI\xfb"sv},       Format{"vmdk", "vmdk", 0, "KDMV"sv},
    Format{"vhdx", "vhdx", 0, "vhdxfile"sv},        Format{"vhd", "vhd", 0, "conectix"sv},
    Format{"vdi", "vdi", 64, "\x7f\x10\xda\xbe"sv}, Format{"", "qed", 0, "QED\0"sv},
    Format{"luks", "LUKS", 0, "LUKS\xba\xbe"sv},    Format{"", "text of a vmdk", 0, "# Disk DescriptorFile"sv}};
constexpr std::size_t kHead = std::size_t{128} << 10;  // with the text in a vmdk

const Format* format_of(std::string_view head) {
    const auto* const found = std::ranges::find_if(kFormats, [&](const Format& format) {
        return head.size() >= format.at + format.magic.size() && head.substr(format.at).starts_with(format.magic);
    });
    return found == kFormats.end() ? nullptr : found;
}

std::uint32_t big32(const std::string& head, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, head.data() + at, sizeof value);
    return be32toh(value);
}
std::uint64_t big64(const std::string& head, std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, head.data() + at, sizeof value);
    return be64toh(value);
}

// Headers of qcow2 (docs/interop/qcow2.txt).
Result<void> check_qcow2(const std::string& head, const std::string& path) {
    constexpr std::uint32_t kWithFeatures = 3;
    constexpr std::uint64_t kDataFile = 1 << 2;
    const std::uint32_t version = big32(head, 4);
    const auto refuse = [&](std::string_view why) {
        return fail(
            ErrorId::ImageUnusable,
            fmt::format("{0} {1}; 'qemu-img convert -O qcow2 {2} NEW' makes a whole one of it", path, why, path));
    };
    if (version < 2 || version > kWithFeatures)
        return fail(ErrorId::ImageUnusable, fmt::format("{} is a qcow2 image of version {}", path, version));
    if (big64(head, 8) != 0) return refuse("is the top of another image, which it names, and nothing without it");
    if (version >= kWithFeatures && (big64(head, 72) & kDataFile) != 0)
        return refuse("has its content in another file");
    if (big32(head, 32) != 0) return refuse("is encrypted");
    return {};
}

// Such a header is followed by a text that names the files (QEMU's block/vmdk.c takes it so); so does one that is based
// on another image.
Result<void> check_vmdk(const std::string& head, const std::string& path) {
    constexpr std::size_t kCapacity = 12;
    if (big64(head, kCapacity) != 0 && head.find("parentFileNameHint") == std::string::npos) return {};
    return fail(
        ErrorId::ImageUnusable,
        fmt::format("{0} has its content in other files; 'qemu-img convert -O vmdk {0} NEW' makes a whole one of "
                    "it",
                    path));
}

// The header of LUKS (LUKS On-Disk Format Specification, versions 1 and 2).
Result<void> check_luks(const std::string& head, const std::string& path) {
    constexpr std::size_t kVersion = 6;
    if (head[kVersion] == 0 && head[kVersion + 1] == 1) return {};
    return fail(ErrorId::ImageUnusable,
                fmt::format("{0} is a LUKS image of version {1}, and QEMU opens version 1; 'cryptsetup convert --type "
                            "luks1 {0}' makes one of it",
                            path, static_cast<unsigned char>(head[kVersion + 1])));
}

}  // namespace

std::string_view qemu_driver(std::string_view format) {
    return format == "vhd" ? "vpc" : format;
}

Result<void> check_format(int file, std::string_view format, const std::string& path) {
    std::string head(kHead, '\0');
    const ssize_t got = pread(file, head.data(), head.size(), 0);
    if (got < 0) return fail_errno(errno, path);
    head.resize(static_cast<std::size_t>(got));
    const Format* const found = format_of(head);
    head.resize(kHead);
    if (format == "raw") {
        // A guest that encrypts its whole disk writes such a header itself.
        constexpr std::string_view kGuestsOwn = "luks";
        if (found == nullptr || found->name == kGuestsOwn) return {};
        const std::string hint =
            found->name.empty() ? fmt::format("'qemu-img convert -O raw {} NEW' makes a raw one of it", path)
                                : fmt::format("format: {0} in a domain file, or --format {0}, says so", found->name);
        return fail(
            ErrorId::ImageUnusable,
            fmt::format("{} is a {} image, and format is raw: the guest would see its headers, not its content; "
                        "{}",
                        path, found->title, hint));
    }
    if (found == nullptr || found->name != format) {
        return fail(ErrorId::ImageUnusable,
                    fmt::format("{} is {}, and format is {}", path,
                                found == nullptr ? "no such image" : fmt::format("a {} image", found->title), format));
    }
    if (format == "qcow2") return check_qcow2(head, path);
    if (format == "vmdk") return check_vmdk(head, path);
    if (format == "luks") return check_luks(head, path);
    return {};
}

}  // namespace hvctld
