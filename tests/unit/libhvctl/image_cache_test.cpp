#include "image_cache.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>

#include "hvctl/kernel_image.hpp"
#include "hvctl/read_file.hpp"
#include "image_maker.hpp"

namespace hvctl::test {
namespace {

namespace fs = std::filesystem;

class ImageCacheTest : public testing::Test {
  protected:
    ImageCacheTest() {
        std::string name = (fs::temp_directory_path() / "hvctl-cache-XXXXXX").string();
        directory_ = ::mkdtemp(name.data());
        options_.cache_directory = directory_ / "cache";
        options_.cache_entries = 3;
    }
    ~ImageCacheTest() override { fs::remove_all(directory_); }

    fs::path write(std::string_view name, const Bytes& bytes) const {
        const fs::path path = directory_ / name;
        std::ofstream file{path, std::ios::binary};
        file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return path;
    }

    std::vector<fs::path> entries() const {
        std::vector<fs::path> paths;
        for (const auto& entry : fs::directory_iterator{options_.cache_directory}) paths.push_back(entry.path());
        return paths;
    }

    fs::path directory_;
    KernelLoadOptions options_;
};

TEST_F(ImageCacheTest, AnErrorNamesTheFileOnce) {
    for (const auto& [path, error] :
         {std::pair{directory_, "is not a regular file"}, std::pair{write("text", Bytes(3)), "not a kernel"}}) {
        const auto image = load_kernel(path, options_);
        ASSERT_FALSE(image);
        const std::string what = image.error().what();
        EXPECT_NE(what.find(error), std::string::npos) << what;
        EXPECT_EQ(what.find(path.native()), what.rfind(path.native())) << what;
        EXPECT_NE(what.find(path.native()), std::string::npos) << what;
    }
}

TEST_F(ImageCacheTest, SecondLoadComesFromTheCache) {
    const Bytes elf = linux_like().build();
    const fs::path kernel = write("vmlinuz", bzimage(Compression::Xz, elf));
    const auto first = load_kernel(kernel, options_);
    ASSERT_TRUE(first) << first.error().what();
    EXPECT_FALSE(first->from_cache);
    const auto second = load_kernel(kernel, options_);
    ASSERT_TRUE(second) << second.error().what();
    EXPECT_TRUE(second->from_cache);
    EXPECT_EQ(second->format, first->format);
    EXPECT_TRUE(std::ranges::equal(second->elf, elf));
    EXPECT_EQ(second->notes.entry, first->notes.entry);
    EXPECT_EQ(entries().size(), 1u);
}

TEST_F(ImageCacheTest, ChangedFileIsAnotherFile) {
    const fs::path kernel = write("vmlinuz", bzimage(Compression::Gzip, linux_like().build()));
    ASSERT_TRUE(load_kernel(kernel, options_));
    TestElf other = linux_like();
    other.segments[0].data = pattern(200'000, 77);
    write("vmlinuz", bzimage(Compression::Gzip, other.build()));
    const auto image = load_kernel(kernel, options_);
    ASSERT_TRUE(image);
    EXPECT_FALSE(image->from_cache);
    EXPECT_TRUE(std::ranges::equal(image->elf, other.build()));
}

TEST_F(ImageCacheTest, DamagedEntryIsNotUsedAndReplaced) {
    const fs::path kernel = write("vmlinuz", bzimage(Compression::Gzip, linux_like().build()));
    ASSERT_TRUE(load_kernel(kernel, options_));
    const fs::path entry = entries().at(0);
    const auto size = static_cast<std::streamoff>(fs::file_size(entry));
    for (const std::streamoff place :
         {std::streamoff{0}, std::streamoff{20}, std::streamoff{130}, std::streamoff{4096}, size / 2, size - 1}) {
        {
            std::fstream file{entry, std::ios::binary | std::ios::in | std::ios::out};
            file.seekg(place);
            const int byte = file.get();
            file.seekp(place);
            file.put(static_cast<char>(byte ^ 0x10));
        }
        const auto damaged = load_kernel(kernel, options_);
        ASSERT_TRUE(damaged);
        EXPECT_FALSE(damaged->from_cache) << place;
        const auto repaired = load_kernel(kernel, options_);
        ASSERT_TRUE(repaired);
        EXPECT_TRUE(repaired->from_cache) << place;
    }
    fs::resize_file(entry, 5000);
    EXPECT_FALSE(load_kernel(kernel, options_)->from_cache);
}

TEST_F(ImageCacheTest, EntryThatOthersMayWriteIsNotTrusted) {
    const fs::path kernel = write("vmlinuz", bzimage(Compression::Gzip, linux_like().build()));
    ASSERT_TRUE(load_kernel(kernel, options_));
    fs::permissions(entries().at(0), fs::perms::others_write, fs::perm_options::add);
    EXPECT_FALSE(load_kernel(kernel, options_)->from_cache);
}

TEST_F(ImageCacheTest, LeastRecentlyUsedLeavesFirst) {
    const Bytes image = bzimage(Compression::Gzip, linux_like().build());
    const auto age = [&](std::chrono::seconds seconds) {
        for (const fs::path& entry : entries()) fs::last_write_time(entry, fs::last_write_time(entry) - seconds);
    };
    for (const char* name : {"a", "b", "c"}) {
        ASSERT_TRUE(load_kernel(write(name, image), options_));
        age(std::chrono::seconds{100});
    }
    EXPECT_TRUE(load_kernel(directory_ / "a", options_)->from_cache);
    age(std::chrono::seconds{100});
    ASSERT_TRUE(load_kernel(write("d", image), options_));
    EXPECT_EQ(entries().size(), 3u);
    EXPECT_TRUE(load_kernel(directory_ / "a", options_)->from_cache);
    EXPECT_FALSE(load_kernel(directory_ / "b", options_)->from_cache);
}

TEST_F(ImageCacheTest, AbandonedTemporaryFilesAreRemoved) {
    fs::create_directories(options_.cache_directory);
    const fs::path old = write("cache/.writing-old", pattern(10));
    const fs::path fresh = write("cache/.writing-new", pattern(10));
    fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours{5});
    ASSERT_TRUE(load_kernel(write("vmlinuz", bzimage(Compression::Gzip, linux_like().build())), options_));
    EXPECT_FALSE(fs::exists(old));
    EXPECT_TRUE(fs::exists(fresh));
}

TEST_F(ImageCacheTest, UnusableDirectoryDoesNotFailTheLoad) {
    const fs::path kernel = write("vmlinuz", bzimage(Compression::Gzip, linux_like().build()));
    write("file", {});
    options_.cache_directory = directory_ / "file" / "cache";
    EXPECT_TRUE(load_kernel(kernel, options_));
}

TEST_F(ImageCacheTest, PlainElfIsNotCached) {
    ASSERT_TRUE(load_kernel(write("vmlinux", linux_like().build()), options_));
    EXPECT_FALSE(fs::exists(options_.cache_directory));
}

TEST_F(ImageCacheTest, ErrorsNameTheFile) {
    auto image = load_kernel(directory_ / "missing", options_);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::NotFound);
    EXPECT_TRUE(image.error().what().contains("missing")) << image.error().what();

    image = load_kernel(write("junk", pattern(1000)), options_);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::NotAKernel);
    EXPECT_TRUE(image.error().what().starts_with((directory_ / "junk").string() + ": not a kernel"))
        << image.error().what();

    image = load_kernel(directory_, options_);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::InvalidArgument) << image.error().what();

    ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
    image = load_kernel(directory_ / "fifo", options_);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::InvalidArgument) << image.error().what();
}

TEST_F(ImageCacheTest, ReadFileHasALimit) {
    const fs::path path = write("initrd", pattern(5000));
    const auto whole = read_file(path, 5000);
    ASSERT_TRUE(whole);
    EXPECT_TRUE(std::ranges::equal(whole->bytes(), pattern(5000)));
    const auto refused = read_file(path, 4999);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::TooLarge);
    EXPECT_EQ(read_file(write("empty", {}), 10)->size(), 0u);
}

}  // namespace
}  // namespace hvctl::test
