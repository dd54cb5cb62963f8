#include <gtest/gtest.h>

#include "tests/unit/leaks/record.hpp"

namespace hv::x86 {
namespace {

TEST(Signature, ExtendedNumbers) {
    EXPECT_EQ(signature_of(0x0005'0654), (Signature{6, 0x55, 4}));
    EXPECT_EQ(signature_of(0x00a1'0f11), (Signature{0x19, 0x11, 1}));
    EXPECT_EQ(signature_of(0x0005'07b3), (Signature{7, 0x5b, 3}));  // Zhaoxin
    EXPECT_EQ(signature_of(0x0010'0f91), (Signature{0x10, 9, 1}));
    EXPECT_EQ(signature_of(0x0000'0543), (Signature{5, 4, 3}));
}

void expect_topology(std::string_view name, std::uint32_t threads, std::uint32_t cores, std::uint32_t smt_shift,
                     std::uint32_t socket_shift) {
    const Topology topology = topology_of(record_of(name));
    EXPECT_EQ(topology.threads_per_core, threads) << name;
    EXPECT_EQ(topology.cores_per_socket, cores) << name;
    EXPECT_EQ(topology.smt_shift, smt_shift) << name;
    EXPECT_EQ(topology.socket_shift, socket_shift) << name;
}

TEST(Topology, ByLevels) {
    expect_topology("Xeon W3520", 2, 4, 1, 4);
    expect_topology("Xeon E5-2609 v3", 1, 6, 1, 4);
    expect_topology("Xeon Platinum 9242", 2, 24, 1, 6);
    expect_topology("EPYC 7713", 2, 64, 1, 7);
    expect_topology("QEMU EPYC", 1, 1, 0, 0);
    expect_topology("EPYC 9655", 1, 64, 0, 7);  // as it was recorded: in part of the machine
}

// Leaf 0x80000008 counts threads, whatever it calls them.
TEST(Topology, OfAmdWithoutLevels) {
    expect_topology("EPYC 7601", 2, 32, 1, 6);
    expect_topology("Hygon", 2, 32, 1, 6);
    expect_topology("Opteron 6282 SE", 1, 16, 0, 5);  // cores of one module are not siblings
    expect_topology("Opteron 6168", 1, 12, 0, 4);
    expect_topology("A4-5000", 1, 4, 0, 3);
}

TEST(CpuidSource, LeavesBehindTheLastAreEmpty) {
    const Record& max = record_of("QEMU max");
    EXPECT_NE(max.read(0x8000'0021, 0).eax, 0u);
    EXPECT_EQ(max.leaf(0x8000'0021).eax, 0u);
    EXPECT_EQ(max.leaf(0xe).eax, 0u);
    EXPECT_EQ(record_of("Xeon w7").features(2).edx, 0x17u);
    EXPECT_EQ(record_of("Xeon w7").features(3).edx, 0u);
    EXPECT_EQ(max.features(2).edx, 0u);
}

}  // namespace
}  // namespace hv::x86
