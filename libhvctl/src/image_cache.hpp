// Decompressed kernels on disk, one file for each version of a kernel file that was ever loaded, least recently used
// ones leaving first. Entries are written beside their place and renamed into it, and checked before every use; the
// cache can be removed at any time.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hvctl/file_descriptor.hpp"

namespace hvctl {

// What tells one version of a file from any other.
struct FileIdentity {
    std::uint64_t device = 0, inode = 0, size = 0, modified_ns = 0, changed_ns = 0;
    bool operator==(const FileIdentity&) const = default;

    static FileIdentity of(const struct stat& status);
};

class ImageCache {
  public:
    ImageCache(std::filesystem::path directory, std::size_t max_entries)
        : directory_{std::move(directory)}, max_entries_{max_entries} {}

    struct Entry {
        Mapping storage;
        std::span<const std::byte> image;
        std::string format;
    };

    // Nothing when there is no entry or it is damaged or not ours alone to write.
    [[nodiscard]] std::optional<Entry> find(const FileIdentity& identity) const;

    // Best effort: a full disk or a read-only one leaves the cache as it was. Creates the directory.
    void store(const FileIdentity& identity, std::span<const std::byte> image, std::string_view format) const;

  private:
    [[nodiscard]] std::filesystem::path path_of(const FileIdentity& identity) const;
    void prune() const;

    std::filesystem::path directory_;
    std::size_t max_entries_;
};

}  // namespace hvctl
