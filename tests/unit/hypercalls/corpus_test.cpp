// Every script that the fuzzer kept, and some that are random, without the fuzzer.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/hypercalls/script.hpp"

namespace {

TEST(HypercallCorpus, Replays) {
    int scripts = 0;
    for (const auto& entry : std::filesystem::directory_iterator{HV_HYPERCALL_CORPUS}) {
        std::ifstream file{entry.path(), std::ios::binary};
        const std::vector<char> text{std::istreambuf_iterator<char>{file}, {}};
        fuzz::run_hypercall_script({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
        ++scripts;
    }
    EXPECT_GT(scripts, 0);
}

TEST(HypercallCorpus, Random) {
    std::mt19937 random{2026};
    for (int i = 0; i < 300; ++i) {
        std::vector<std::uint8_t> script(random() % 4096);
        for (auto& byte : script) byte = static_cast<std::uint8_t>(random());
        fuzz::run_hypercall_script(script);
    }
}

}  // namespace
