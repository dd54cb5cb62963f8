// What the fuzzer began with and what it found stays good.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

TEST(MicrocodeCorpus, EveryFile) {
    unsigned files = 0;
    for (const auto& entry : std::filesystem::directory_iterator{HV_MICROCODE_CORPUS}) {
        std::ifstream stream{entry.path(), std::ios::binary};
        const std::string content{std::istreambuf_iterator<char>{stream}, {}};
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
        ++files;
    }
    EXPECT_GE(files, 4u);
}
