// Kernel images: an ELF64 file, plain or compressed as a whole, or a Linux bzImage with one inside. The file is not
// trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hvctl/file_descriptor.hpp"
#include "hvctl/xen_notes.hpp"

namespace hvctl {

inline constexpr std::uint64_t kMaxImageBytes = 512ull << 20;

// A loadable part; file_offset + file_size lies within the image, and file_size <= memory_size.
struct KernelSegment {
    std::uint64_t physical = 0;  // p_paddr
    std::uint64_t virtual_address = 0;
    std::uint64_t file_offset = 0;
    std::uint64_t file_size = 0;
    std::uint64_t memory_size = 0;  // the rest is zero
};

// A checked image. Segments are in ascending physical order and do not overlap.
struct KernelImage {
    std::span<const std::byte> elf;  // the whole ELF file, decompressed
    std::vector<KernelSegment> segments;
    std::uint64_t elf_entry = 0;
    XenNotes notes;
    std::string format;  // "ELF", "bzImage 2.15 (xz)", "ELF (gzip)"
    bool from_cache = false;
    std::shared_ptr<const Mapping> storage;  // keeps `elf` alive; empty when the caller's bytes are used in place
};

struct KernelLoadOptions {
    // Where decompressed images are kept, since decompression takes most of a guest's creation time. Empty: nowhere.
    // Trouble with the cache never fails a load.
    std::filesystem::path cache_directory;
    std::size_t cache_entries = 8;
    std::uint64_t max_image_bytes = kMaxImageBytes;  // most that a compressed image may grow to
};

// `name` is for messages. The file may be replaced while it is read; what is returned is then one or the other or
// Corrupt.
Result<KernelImage> load_kernel(int fd, std::string_view name, const KernelLoadOptions& options = {});
Result<KernelImage> load_kernel(const std::filesystem::path& path, const KernelLoadOptions& options = {});

// The same from memory, without a cache. `file` must outlive the image.
Result<KernelImage> parse_kernel(std::span<const std::byte> file, std::uint64_t max_image_bytes = kMaxImageBytes);

}  // namespace hvctl
