// Replays the fuzzer's corpus through its target, so that what was found once stays fixed without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

TEST(YamlCorpus, Replays) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator{HV_YAML_CORPUS}) {
        std::ifstream file{entry.path(), std::ios::binary};
        const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
        EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()), 0);
        ++files;
    }
    EXPECT_GE(files, 5u);
}

}  // namespace
