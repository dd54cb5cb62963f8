// From a boot module to the ELF file in it: a bzImage holds the kernel compressed, in any of the ways that Linux has.
#include <bit>
#include <cstring>

#include "hv/base/decompress/decompress.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/dom0/kernel_image.hpp"

namespace hv::x86 {
namespace {

using Bytes = std::span<const std::byte>;

// Fields of the setup header (Linux, Documentation/arch/x86/boot.rst).
constexpr std::size_t kSetupSectors = 0x1f1, kHeaderMagic = 0x202, kVersion = 0x206, kPayloadOffset = 0x248,
                      kPayloadLength = 0x24c;
constexpr std::uint32_t kMagic = 0x53726448;  // "HdrS"
constexpr std::uint64_t kLargestKernel = std::uint64_t{512} << 20;

template <class T>
T field(Bytes file, std::size_t offset) {
    T value{};
    if (offset + sizeof value <= file.size()) std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

// The compressed kernel inside a bzImage, or the file itself.
Result<Bytes> payload_of(Bytes file, const char*& why) {
    if (field<std::uint32_t>(file, kHeaderMagic) != kMagic) return file;
    if (field<std::uint16_t>(file, kVersion) < 0x208) {
        why = "its boot protocol is older than 2.08";
        return fail(Error::BadArgument);
    }
    std::uint64_t sectors = field<std::uint8_t>(file, kSetupSectors);
    if (sectors == 0) sectors = 4;
    const std::uint64_t start = (sectors + 1) * 512 + field<std::uint32_t>(file, kPayloadOffset);
    const std::uint64_t length = field<std::uint32_t>(file, kPayloadLength);
    if (start > file.size() || length > file.size() - start || length < 4) {
        why = "it is truncated";
        return fail(Error::BadArgument);
    }
    return file.subspan(start, length);
}

}  // namespace

Result<UnpackedKernel> unpack_kernel(Bytes file, const char*& why) {
    const Bytes payload = TRY(payload_of(file, why));
    if (compression_of(payload) == Compression::None) return UnpackedKernel{payload};
    // The build system appends the unpacked size to the compressed data.
    const auto size = field<std::uint32_t>(payload, payload.size() - 4);
    if (size == 0 || size > kLargestKernel) {
        why = "the size of its unpacked kernel makes no sense";
        return fail(Error::BadArgument);
    }
    UnpackedKernel kernel;
    const auto order = static_cast<unsigned>(std::bit_width((std::uint64_t{size} - 1) >> kPageShift));
    const Result<Mfn> first = allocate_frames({.order = order, .clear = false});
    if (!first) {
        why = "there is no memory to unpack it";
        return fail(Error::NoMemory);
    }
    kernel.first = *first;
    kernel.frames = std::uint64_t{1} << order;
    auto* const memory = static_cast<std::byte*>(frame_pointer(*first));
    const Result<std::size_t> unpacked = decompress(payload, {memory, size});
    if (!unpacked) {
        why = "it cannot be unpacked";
        release(kernel);
        return fail(unpacked.error());
    }
    kernel.elf = {memory, *unpacked};
    return kernel;
}

void release(UnpackedKernel& kernel) {
    for (std::uint64_t i = 0; i < kernel.frames; ++i)
        if (frame_info(kernel.first + i).owner() == kOwnerNone) free_frames(kernel.first + i, 0);
    kernel.frames = 0;
}

}  // namespace hv::x86
