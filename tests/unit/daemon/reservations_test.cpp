#include "domain/reservations.hpp"

#include <gtest/gtest.h>

namespace hvctld::test {
namespace {

using Cpus = std::vector<std::uint32_t>;

TEST(Reservations, GoWhereTheVcpusMayRun) {
    const Reservation first{80, {Cpus{0}}};
    EXPECT_EQ(room_for({80, {Cpus{0}}}, {first}), 20u);
    EXPECT_EQ(room_for({80, {Cpus{1}}}, {first}), 80u);
    EXPECT_EQ(room_for({80, {Cpus{0, 1}}}, {first}), 80u);
    EXPECT_EQ(room_for({80, {Cpus{0}}}, {}), 80u);
    EXPECT_EQ(room_for({80, {}}, {}), 0u);
}

TEST(Reservations, AVcpuHasOneCpuAtMost) {
    EXPECT_EQ(room_for({150, {Cpus{0, 1}}}, {}), 100u);
    EXPECT_EQ(room_for({150, {Cpus{0, 1}, Cpus{0, 1}}}, {}), 150u);
    EXPECT_EQ(room_for({150, {Cpus{0}, Cpus{0}}}, {}), 100u);
}

// Those that may run anywhere make way for those that may not.
TEST(Reservations, MakeWay) {
    const Reservation anywhere{100, {Cpus{0, 1}}};
    EXPECT_EQ(room_for({100, {Cpus{0}}}, {anywhere}), 100u);
    EXPECT_EQ(room_for({100, {Cpus{1}}}, {anywhere, {60, {Cpus{0}}}}), 40u);
    // Of three CPUs the middle one is wanted by all.
    const std::vector<Reservation> others{{100, {Cpus{0, 1}}}, {100, {Cpus{1, 2}}}};
    EXPECT_EQ(room_for({100, {Cpus{1}}}, others), 100u);
    EXPECT_EQ(room_for({50, {Cpus{2}}}, {others[0], others[1], {100, {Cpus{1}}}}), 0u);
}

}  // namespace
}  // namespace hvctld::test
