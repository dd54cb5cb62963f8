#include "hvctl/kernel_image.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "bzimage.hpp"
#include "decompress.hpp"
#include "elf.hpp"
#include "foreign_kernel.hpp"
#include "hvctl/read_file.hpp"
#include "hvctl/try.hpp"
#include "image_cache.hpp"

namespace hvctl {

namespace {

struct Unpacked {
    std::span<const std::byte> elf;
    std::shared_ptr<const Mapping> decompressed;  // empty when `elf` lies in the file itself
    std::string format;
};

Unpacked owned(Mapping memory, std::string format) {
    auto storage = std::make_shared<const Mapping>(std::move(memory));
    return {storage->bytes(), storage, std::move(format)};
}

Result<Unpacked> unpack_bzimage(std::span<const std::byte> file, std::uint64_t limit) {
    const BzImagePayload payload = TRY(find_payload(file));
    const Compression compression = compression_of(payload.data);
    const std::string format = fmt::format("{} ({})", payload.version, name_of(compression));
    if (compression == Compression::None) {
        if (is_elf(payload.data)) return Unpacked{payload.data, {}, format};
        return fail(ErrorCode::Corrupt,
                    fmt::format("the payload of the {} is neither ELF nor compressed in a known way", payload.version));
    }
    const std::uint64_t expected = payload.output_size.value_or(0);
    if (expected > limit) {
        return fail(ErrorCode::TooLarge,
                    fmt::format("the kernel decompresses ({}) to {} bytes, at most {} are accepted",
                                name_of(compression), expected, limit));
    }
    auto memory = decompress(compression, payload.data, expected);
    if (!memory && memory.error().code() != ErrorCode::TooLarge) return std::unexpected(std::move(memory).error());
    if (!memory || memory->size() != expected) {
        return fail(ErrorCode::Corrupt,
                    fmt::format("the {} is corrupt: its payload has {} bytes where {} are announced", format,
                                memory ? std::to_string(memory->size()) : "more", expected));
    }
    return owned(std::move(*memory), format);
}

Result<Unpacked> unpack(std::span<const std::byte> file, std::uint64_t limit) {
    if (is_elf(file)) return Unpacked{file, {}, "ELF"};
    if (is_bzimage(file)) return unpack_bzimage(file, limit);
    const Compression compression = compression_of(file);
    if (compression == Compression::None) return std::unexpected(not_a_kernel(file));
    Unpacked unpacked = owned(TRY(decompress(compression, file, limit)), fmt::format("ELF ({})", name_of(compression)));
    if (is_elf(unpacked.elf)) return unpacked;
    return std::unexpected(
        not_a_kernel(unpacked.elf).within(fmt::format("what the {} data holds", name_of(compression))));
}

Result<KernelImage> parse(Unpacked unpacked) {
    KernelImage image;
    TRY(parse_elf(unpacked.elf, image));
    image.storage = std::move(unpacked.decompressed);
    image.format = std::move(unpacked.format);
    return image;
}

Result<KernelImage> load_cached(const ImageCache& cache, const FileIdentity& identity) {
    auto entry = cache.find(identity);
    if (!entry) return fail(ErrorCode::NotFound, "not in the cache");
    auto storage = std::make_shared<const Mapping>(std::move(entry->storage));
    KernelImage image = TRY(parse({entry->image, std::move(storage), std::move(entry->format)}));
    image.from_cache = true;
    return image;
}

Result<KernelImage> load(int fd, std::string_view name, const KernelLoadOptions& options) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        return std::unexpected(Error::from_errno(errno, fmt::format("cannot read {}", name)));
    const FileIdentity identity = FileIdentity::of(status);
    const bool use_cache = !options.cache_directory.empty() && options.cache_entries > 0;
    const ImageCache cache{options.cache_directory, options.cache_entries};
    if (use_cache) {
        if (auto image = load_cached(cache, identity)) return image;
    }
    auto file = std::make_shared<const Mapping>(TRY(read_file(fd, name, options.max_image_bytes)));
    KernelImage image = TRY(within(name, parse_kernel(file->bytes(), options.max_image_bytes)));
    if (!image.storage) {
        image.storage = std::move(file);
        return image;
    }
    // What was read is only known to be this version if the file has not been touched since.
    if (use_cache && ::fstat(fd, &status) == 0 && FileIdentity::of(status) == identity) {
        cache.store(identity, image.elf, image.format);
    }
    return image;
}

}  // namespace

Result<KernelImage> parse_kernel(std::span<const std::byte> file, std::uint64_t max_image_bytes) {
    return parse(TRY(unpack(file, max_image_bytes)));
}

Result<KernelImage> load_kernel(int fd, std::string_view name, const KernelLoadOptions& options) {
    return load(fd, name, options);
}

Result<KernelImage> load_kernel(const std::filesystem::path& path, const KernelLoadOptions& options) {
    const UniqueFd file = TRY(open_file(path.c_str(), O_RDONLY | O_NONBLOCK));
    return load_kernel(file.get(), path.native(), options);
}

}  // namespace hvctl
