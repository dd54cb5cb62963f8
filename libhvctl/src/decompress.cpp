#include "decompress.hpp"

#include <archive.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <memory>

#include "byte_view.hpp"
#include "hvctl/try.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

namespace {

struct ArchiveFree {
    void operator()(archive* reader) const { archive_read_free(reader); }
};
using Archive = std::unique_ptr<archive, ArchiveFree>;

struct archive_entry* next_header(archive* reader) {
    struct archive_entry* entry = nullptr;
    return archive_read_next_header(reader, &entry) >= ARCHIVE_WARN ? entry : nullptr;
}

int support(archive* reader, Compression compression) {
    switch (compression) {
        case Compression::Gzip: return archive_read_support_filter_gzip(reader);
        case Compression::Bzip2: return archive_read_support_filter_bzip2(reader);
        case Compression::Lzma: return archive_read_support_filter_lzma(reader);
        case Compression::Xz: return archive_read_support_filter_xz(reader);
        case Compression::Lz4: return archive_read_support_filter_lz4(reader);
        case Compression::Zstd: return archive_read_support_filter_zstd(reader);
        case Compression::Lzo:
        case Compression::None: break;
    }
    return ARCHIVE_FATAL;
}

Error corrupt(Compression compression, std::string_view why) {
    return Error{ErrorCode::Corrupt,
                 fmt::format("the kernel's {} data is corrupt or truncated: {}", name_of(compression), why)};
}

// One filter, named by the caller: libarchive never guesses, so nothing is unpacked twice or by a helper program.
Result<std::size_t> decompress_by_archive(Compression compression, std::span<const std::byte> data,
                                          std::span<std::byte> output) {
    const Archive reader{archive_read_new()};
    const auto message = [&] {
        const char* text = archive_error_string(reader.get());
        return std::string_view{text != nullptr ? text : "no further explanation"};
    };
    if (!reader) return fail(ErrorCode::NoMemory, "not enough memory to decompress a kernel");
    if (support(reader.get(), compression) != ARCHIVE_OK) {
        return fail(ErrorCode::NotSupported,
                    fmt::format("this system's libarchive cannot decompress {}", name_of(compression)));
    }
    if (archive_read_support_format_raw(reader.get()) != ARCHIVE_OK ||
        archive_read_open_memory(reader.get(), data.data(), data.size()) < ARCHIVE_WARN ||
        next_header(reader.get()) == nullptr) {
        return std::unexpected(corrupt(compression, message()));
    }
    // Only the one filter and the end of the chain: anything else means that the bytes were not what they looked like.
    if (archive_filter_count(reader.get()) != 2) {
        return std::unexpected(corrupt(compression, "its header makes no sense"));
    }
    std::size_t size = 0;
    while (size < output.size()) {
        const la_ssize_t got = archive_read_data(reader.get(), output.data() + size, output.size() - size);
        if (got < 0) return std::unexpected(corrupt(compression, message()));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    return size;
}

// Address space for the most that there may be; only what is written takes memory.
Result<Mapping> reserve(std::uint64_t size) {
    void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
        return std::unexpected(Error::from_errno(errno, "cannot reserve memory to decompress a kernel"));
    }
    return Mapping{address, size};
}

}  // namespace

std::string_view name_of(Compression compression) {
    switch (compression) {
        case Compression::None: return "uncompressed";
        case Compression::Gzip: return "gzip";
        case Compression::Bzip2: return "bzip2";
        case Compression::Lzma: return "lzma";
        case Compression::Xz: return "xz";
        case Compression::Lzo: return "lzo";
        case Compression::Lz4: return "lz4";
        case Compression::Zstd: return "zstd";
    }
    return "unknown";
}

Compression compression_of(std::span<const std::byte> data) {
    const ByteView view{data};
    using namespace std::string_view_literals;
    if (view.has(0, "\x1f\x8b"sv)) return Compression::Gzip;
    if (view.has(0, "BZh"sv)) return Compression::Bzip2;
    if (view.has(0,
                 "\xfd"
                 "7zXZ\0"sv))
        return Compression::Xz;
    if (view.has(0, "\x5d\0\0"sv)) return Compression::Lzma;
    if (view.has(0, "\x89LZO\0\r\n\x1a\n"sv)) return Compression::Lzo;
    if (view.has(0, "\x02\x21\x4c\x18"sv) || view.has(0, "\x04\x22\x4d\x18"sv)) return Compression::Lz4;
    if (view.has(0, "\x28\xb5\x2f\xfd"sv)) return Compression::Zstd;
    return Compression::None;
}

Result<Mapping> decompress(Compression compression, std::span<const std::byte> data, std::uint64_t limit) {
    // One byte more than allowed tells "exactly the limit" from "more".
    Mapping memory = TRY(reserve((pages_for(limit) + 1) * kPageSize));
    const std::span<std::byte> output = memory.bytes().first(limit + 1);
    const std::size_t size = TRY(compression == Compression::Lzo ? decompress_lzop(data, output)
                                                                 : decompress_by_archive(compression, data, output));
    if (size > limit) {
        return fail(ErrorCode::TooLarge,
                    fmt::format("the kernel decompresses ({}) to more than {} bytes", name_of(compression), limit));
    }
    if (size == 0) return std::unexpected(corrupt(compression, "there is nothing in it"));
    memory.shrink(size);
    return memory;
}

}  // namespace hvctl
