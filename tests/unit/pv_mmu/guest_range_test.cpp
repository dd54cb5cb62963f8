// Which addresses a PV guest may name, and what is left of others where a processor goes on too early.
#include <gtest/gtest.h>

#include "hv/x86/pv/mmu/guest_tables.hpp"

namespace {

using hv::GuestVirtual;
using hv::x86::guest_address_nospec;
using hv::x86::guest_range_allowed;

constexpr std::uint64_t kLowEnd = 0x0000'8000'0000'0000, kHvStart = hv::abi::xen::kHypervisorVirtStart,
                        kHvEnd = hv::abi::xen::kHypervisorVirtEnd, kLast = ~std::uint64_t{0};

TEST(GuestRange, BeginsBehindHvAndEndsWithTheLowerHalf) {
    for (const std::uint64_t address :
         {std::uint64_t{0}, std::uint64_t{0x1000}, kLowEnd - 8, kHvEnd, kHvEnd + 8, kLast - 7})
        EXPECT_TRUE(guest_range_allowed(GuestVirtual{address}, 8)) << std::hex << address;
    for (const std::uint64_t address :
         {kLowEnd - 7, kLowEnd, kLowEnd + 8, kHvStart - 8, kHvStart, kHvEnd - 8, kHvEnd - 1})
        EXPECT_FALSE(guest_range_allowed(GuestVirtual{address}, 8)) << std::hex << address;
}

TEST(GuestRange, DoesNotGoOnAtTheStart) {
    EXPECT_FALSE(guest_range_allowed(GuestVirtual{kLast - 6}, 8));
    EXPECT_FALSE(guest_range_allowed(GuestVirtual{kLast}, 2));
    EXPECT_TRUE(guest_range_allowed(GuestVirtual{kHvEnd}, 0 - kHvEnd));
    EXPECT_FALSE(guest_range_allowed(GuestVirtual{kHvEnd}, 0 - kHvEnd + 1));
    EXPECT_TRUE(guest_range_allowed(GuestVirtual{0}, kLowEnd));
    EXPECT_FALSE(guest_range_allowed(GuestVirtual{0}, kLowEnd + 1));
    EXPECT_FALSE(guest_range_allowed(GuestVirtual{0}, kLast));
    EXPECT_FALSE(guest_range_allowed(GuestVirtual{1}, kLast));
    EXPECT_TRUE(guest_range_allowed(GuestVirtual{kLast}, 1));
    EXPECT_TRUE(guest_range_allowed(GuestVirtual{0}, 0));
}

TEST(GuestRange, NothingIsLeftOfAnotherAddress) {
    for (const std::uint64_t address : {std::uint64_t{1}, kLowEnd - 1, kHvEnd, kHvEnd + 1, kLast})
        EXPECT_EQ(guest_address_nospec(GuestVirtual{address}), address);
    for (const std::uint64_t address : {kLowEnd, kLowEnd + 1, std::uint64_t{1} << 62, std::uint64_t{1} << 63,
                                        kHvStart - 1, kHvStart, (kHvStart + kHvEnd) / 2, kHvEnd - 1})
        EXPECT_EQ(guest_address_nospec(GuestVirtual{address}), 0u) << std::hex << address;
}

}  // namespace
