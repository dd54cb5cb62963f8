#include "hv/x86/leaks/lfence.hpp"

#include <gtest/gtest.h>

#include "tests/unit/leaks/record.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t kLfenceWaits = 1u << 1;

std::uint64_t bit_of(std::string_view name) {
    return lfence_waits_bit(identify(record_of(name)));
}

TEST(Lfence, IsMadeToWaitOnProcessorsThatHaveTheChoice) {
    for (const char* name : {"Opteron 6168", "Opteron 6380", "A4-5000", "EPYC 7601", "EPYC 7502", "Hygon C86 7185"})
        EXPECT_EQ(bit_of(name), kLfenceWaits) << name;
}

TEST(Lfence, AlwaysWaitsOnOthers) {
    for (const char* name : {"EPYC 7713", "EPYC 9124", "EPYC 9655"}) EXPECT_EQ(bit_of(name), 0u) << name;
    for (const auto records : {intel_servers(), intel_others()})
        for (const Record& record : records) EXPECT_EQ(lfence_waits_bit(identify(record)), 0u) << record.name;
    EXPECT_EQ(bit_of("Zhaoxin KH-40000"), 0u);
}

TEST(Lfence, OldFamiliesHaveNoSuchRegister) {
    Identification id = identify(record_of("Opteron 6168"));
    for (const unsigned family : {0x0fu, 0x11u}) {
        id.signature.family = family;
        EXPECT_EQ(lfence_waits_bit(id), 0u) << family;
    }
    id.signature.family = 0x12;
    EXPECT_EQ(lfence_waits_bit(id), kLfenceWaits);
}

// The processor's register is the outer hypervisor's. An interpreter takes what is written.
TEST(Lfence, IsLeftToAnotherHypervisor) {
    Identification id = identify(record_of("EPYC 7601"));
    const auto hypervisor = static_cast<unsigned>(CpuidBit::Hypervisor);
    id.words[hypervisor / 32] |= 1u << (hypervisor % 32);
    EXPECT_EQ(lfence_waits_bit(id), 0u);
    id.interpreted = true;
    EXPECT_EQ(lfence_waits_bit(id), kLfenceWaits);
}

}  // namespace
}  // namespace hv::x86
