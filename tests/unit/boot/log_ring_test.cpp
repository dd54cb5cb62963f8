#include "hv/x86/console/log_ring.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace hv::x86 {
namespace {

std::string read_all(const LogRing& ring, std::uint64_t& position) {
    std::string all;
    for (;;) {
        char part[1000];
        const LogRead read = ring.read(position, part);
        position = read.next;
        if (read.length == 0) return all;
        all.append(part, read.length);
    }
}

TEST(LogRing, ReadersGoOnWhereTheyStopped) {
    const auto ring = std::make_unique<LogRing>();
    std::uint64_t position = 0;
    EXPECT_EQ(read_all(*ring, position), "");
    ring->append("one\n");
    EXPECT_EQ(read_all(*ring, position), "one\n");
    ring->append("two\n");
    EXPECT_EQ(read_all(*ring, position), "two\n");
    EXPECT_EQ(position, 8u);
}

TEST(LogRing, ALateReaderSeesWhatItLost) {
    const auto ring = std::make_unique<LogRing>();
    for (int i = 0; i < 20000; ++i) ring->append("0123456789");
    char part[10];
    const LogRead read = ring->read(5, part);
    EXPECT_EQ(read.position, 200000 - LogRing::kSize);
    EXPECT_EQ(read.length, 10u);
    EXPECT_EQ(part[0], static_cast<char>('0' + read.position % 10));
}

TEST(LogRing, ClearHidesOnlyFromNewReaders) {
    const auto ring = std::make_unique<LogRing>();
    ring->append("old");
    ring->clear();
    ring->append("new");
    std::uint64_t fresh = 0, old = 1;
    EXPECT_EQ(read_all(*ring, fresh), "new");
    EXPECT_EQ(read_all(*ring, old), "ldnew");
    std::uint64_t future = 1000;
    EXPECT_EQ(read_all(*ring, future), "");
    EXPECT_EQ(future, 6u);
}

}  // namespace
}  // namespace hv::x86
