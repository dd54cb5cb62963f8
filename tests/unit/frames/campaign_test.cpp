// Guests that do anything with frames: every script that the fuzzer kept, and a campaign of pseudo-random ones.
// The whole machine is audited after each step.
//
// FRAMES_SECONDS=3600 makes the campaign longer, FRAMES_SEED=N begins it elsewhere: with the seed that
// a failure names, it is the first script.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/frames/script.hpp"

namespace {

std::uint64_t number(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(Frames, Corpus) {
    int scripts = 0;
    for (const auto& entry : std::filesystem::directory_iterator{HV_FRAMES_CORPUS}) {
        std::ifstream file{entry.path(), std::ios::binary};
        const std::vector<char> text{std::istreambuf_iterator<char>{file}, {}};
        const fuzz::Played played =
            fuzz::run_frames_script({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
        ASSERT_EQ(played.wrong, "") << entry.path() << "\n" << played.steps;
        ++scripts;
    }
    EXPECT_GT(scripts, 0);
}

TEST(Frames, Campaign) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{number("FRAMES_SECONDS", 10)};
    const std::uint64_t first = number("FRAMES_SEED", 1);
    std::uint64_t steps = 0, seed = first;
    // At least a few, however slow the machine is.
    for (; seed < first + 3 || std::chrono::steady_clock::now() < end; ++seed) {
        std::mt19937_64 random{seed};
        std::vector<std::uint8_t> script(random() % 4096);
        for (auto& byte : script) byte = static_cast<std::uint8_t>(random());
        const fuzz::Played played = fuzz::run_frames_script(script);
        steps += played.count;
        ASSERT_EQ(played.wrong, "") << "FRAMES_SEED=" << seed << ", step " << played.count << " of\n" << played.steps;
    }
    std::printf("%llu steps of %llu scripts\n", static_cast<unsigned long long>(steps),
                static_cast<unsigned long long>(seed - first));
}

}  // namespace
