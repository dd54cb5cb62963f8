#include "file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace hvctl::cli {
namespace {

class FileTest : public testing::Test {
  protected:
    std::filesystem::path directory_;
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "hvctl-file-XXXXXX").string();
        directory_ = mkdtemp(pattern.data());
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::string put(const std::string& text) const {
        std::string path = (directory_ / "d.yaml").string();
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    static std::string refusal(const std::string& path) {
        auto file = read_definition(path);
        EXPECT_FALSE(file);
        EXPECT_EQ(file.error().code, ExitCode::Usage);
        return file.error().message;
    }
};

TEST_F(FileTest, ReadsTextAsItIs) {
    std::string path = put("name: gr\xc3\xbc\n");
    auto file = read_definition(path);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->text, "name: gr\xc3\xbc\n");
    EXPECT_EQ(file->source, path);
}

TEST_F(FileTest, RefusesWhatIsNotATextFile) {
    EXPECT_EQ(refusal(directory_ / "none"), "there is no file " + (directory_ / "none").string());
    EXPECT_EQ(refusal(directory_), directory_.string() + " is a directory, not a domain file");
    EXPECT_NE(refusal(put("")).find("is empty"), std::string::npos);
    EXPECT_NE(refusal(put(" \n\t\n")).find("is empty"), std::string::npos);
    EXPECT_NE(refusal(put("a: 1\nb: \xff\n")).find("d.yaml:2: not UTF-8 text"), std::string::npos);
    EXPECT_NE(refusal(put(std::string("a\0b", 3))).find(":1: a NUL byte"), std::string::npos);
    EXPECT_NE(refusal(put(std::string(kMaxDefinition + 1, 'a'))).find("larger than 1 MiB"), std::string::npos);
    EXPECT_NE(refusal("/dev/zero").find("larger than 1 MiB"), std::string::npos);
}

TEST_F(FileTest, RefusesAFileWithoutPermission) {
    std::string path = put("name: x\n");
    std::filesystem::permissions(path, std::filesystem::perms::none);
    bool root = geteuid() == 0;  // root reads everything
    ASSERT_EQ(root ? seteuid(65534) : 0, 0);
    EXPECT_NE(refusal(path).find("Permission denied"), std::string::npos);
    ASSERT_EQ(root ? seteuid(0) : 0, 0);
}

TEST(Overrides, AreKeyAndValue) {
    EXPECT_TRUE(check_overrides({"memory=1GiB", "cmdline=a=b", "empty="}));
    EXPECT_FALSE(check_overrides({"memory"}));
    EXPECT_FALSE(check_overrides({"=1"}));
}

}  // namespace
}  // namespace hvctl::cli
