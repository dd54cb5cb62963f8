#include "hv/x86/leaks/returns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace hv::x86 {
namespace {

using Text = std::vector<std::uint8_t>;
constexpr std::uint8_t kJump = 0xe9;
const Text kReturn = {0xc3, 0xcc, 0xcc, 0xcc, 0xcc};

// In the first and the last byte of each half of a line, and one that ends with the text.
const std::vector<std::uint32_t> kSites = {0, 27, 32, 59, 64 + 31, 128, 128 + 63, 256 - 5};
const std::vector<std::uint32_t> kUpper = {32, 59, 128 + 63, 256 - 5};

// Jumps with a displacement that tells them apart, and between them what must stay as it is.
Text fake_text() {
    Text text(256, 0x90);
    for (const std::uint32_t site : kSites) {
        const Text jump = {kJump, static_cast<std::uint8_t>(site), 1, 2, 3};
        std::ranges::copy(jump, text.begin() + site);
    }
    return text;
}

Text with_returns_at(const std::vector<std::uint32_t>& sites) {
    Text text = fake_text();
    for (const std::uint32_t site : sites) std::ranges::copy(kReturn, text.begin() + site);
    return text;
}

Text written(const std::vector<std::uint32_t>& sites, bool upper_halves_only) {
    Text text = fake_text();
    EXPECT_TRUE(write_returns(text, sites, upper_halves_only));
    return text;
}

TEST(Returns, ASoundProcessorReturnsInPlace) {
    EXPECT_EQ(written(kSites, false), with_returns_at(kSites));
}

TEST(Returns, OnlyThoseInUpperHalvesWhereTheOthersAreTrained) {
    EXPECT_EQ(written(kSites, true), with_returns_at(kUpper));
}

TEST(Returns, WhatIsNotNamedStays) {
    EXPECT_EQ(written({}, false), fake_text());
    EXPECT_EQ(written({27, 59}, false), with_returns_at({27, 59}));
    EXPECT_EQ(written({27, 59}, true), with_returns_at({59}));
}

TEST(Returns, ATableOfAnotherTextIsNotBelieved) {
    for (const std::uint32_t site : {5u, 252u, 100'000u}) {
        Text text = fake_text();
        EXPECT_FALSE(write_returns(text, std::vector<std::uint32_t>{site}, false)) << site;
        EXPECT_EQ(text, fake_text()) << site;
    }
}

}  // namespace
}  // namespace hv::x86
