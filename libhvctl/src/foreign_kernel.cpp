#include "foreign_kernel.hpp"

#include <fmt/format.h>

#include <string_view>

#include "byte_view.hpp"

namespace hvctl {

namespace {

// Where other architectures' boot images put their magic.
std::string_view architecture_of(const ByteView& view) {
    using namespace std::string_view_literals;
    if (view.has(0x38, "ARM\x64"sv)) return "aarch64";
    if (view.has(0x38, "RSC\x05"sv)) return "riscv64";
    if (view.has(0x24, "\x18\x28\x6f\x01"sv)) return "arm";
    if (view.has(0, "MZ"sv) && view.has(4, "zimg"sv)) return "an EFI zboot image, not x86";
    return {};
}

std::string_view kind_of(const ByteView& view) {
    using namespace std::string_view_literals;
    if (view.size() == 0) return "it is empty";
    if (view.has(0, "070701"sv) || view.has(0, "070702"sv)) return "it is a cpio archive: an initrd?";
    if (view.has(0, "#!"sv)) return "it is a script";
    if (view.has(0, "QFI\xfb"sv)) return "it is a qcow2 disk image";
    if (view.has(0, "MZ"sv)) return "it is an EFI or Windows program";
    if (view.has(0x1fe, "\x55\xaa"sv)) return "it is a boot sector or a disk image";
    return "it is neither ELF nor bzImage, nor compressed in a way that kernels are";
}

}  // namespace

Error not_a_kernel(std::span<const std::byte> file) {
    const ByteView view{file};
    if (const auto architecture = architecture_of(view); !architecture.empty()) {
        return Error{ErrorCode::WrongArchitecture,
                     fmt::format("the kernel is for another architecture ({}) and not for x86-64", architecture)};
    }
    return Error{ErrorCode::NotAKernel, fmt::format("not a kernel: {}", kind_of(view))};
}

}  // namespace hvctl
