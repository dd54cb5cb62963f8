// Guests that do anything: every script that the fuzzer kept, and some that are random.
// The books are audited after each step.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/mmu/script.hpp"

namespace {

TEST(Hostile, Corpus) {
    int scripts = 0;
    for (const auto& entry : std::filesystem::directory_iterator{HV_MMU_CORPUS}) {
        std::ifstream file{entry.path(), std::ios::binary};
        const std::vector<char> text{std::istreambuf_iterator<char>{file}, {}};
        EXPECT_EQ(fuzz::run_mmu_script({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}), "")
            << entry.path();
        ++scripts;
    }
    EXPECT_GT(scripts, 0);
}

TEST(Hostile, Random) {
    for (unsigned seed = 0; seed < 60; ++seed) {
        std::mt19937 random{seed};
        std::vector<std::uint8_t> script(random() % 4096);
        for (auto& byte : script) byte = static_cast<std::uint8_t>(random());
        ASSERT_EQ(fuzz::run_mmu_script(script), "") << seed;
    }
}

}  // namespace
