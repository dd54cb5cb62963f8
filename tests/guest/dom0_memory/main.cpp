// Promised: dom0_mem= says what Dom0 begins with, and with max: how far it may grow; a malformed value counts for
// nothing. Exercised: the machine's command line is `dom0_mem=48M,max:72M dom0_mem=min:64M,max:1Q`; what Dom0 is
// told, growing to the end, more than that. A pass means: it began with 48 MiB, got the rest up to 72 MiB one by
// one, and not a frame more until it gave one back.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"

using namespace guest;

namespace {

constexpr u64 kMebibyte = 256;  // in frames

u64 ask(MemoryCommand command) {
    MemoryDomain self{kDomidSelf};
    return static_cast<u64>(memory_op(command, &self));
}

long change(MemoryCommand command, u64& extent) {
    MemoryReservation reservation{reinterpret_cast<u64>(&extent), 1, 0, 0, kDomidSelf, {}};
    return memory_op(command, &reservation);
}

}  // namespace

void guest::test_main() {
    if (!on_hv()) skip("elsewhere a malformed word leaves the others of its value in force");
    EXPECT_EQ(start_info().nr_pages, 48 * kMebibyte);
    EXPECT_EQ(ask(MemoryCommand::CurrentReservation), 48 * kMebibyte);
    EXPECT_EQ(ask(MemoryCommand::MaximumReservation), 72 * kMebibyte);
    u64 frame = 0;
    for (u64 pfn = 48 * kMebibyte; pfn < 72 * kMebibyte; ++pfn) {
        frame = pfn;
        REQUIRE_EQ(change(MemoryCommand::PopulatePhysmap, frame), 1);
    }
    u64 more = 72 * kMebibyte;
    EXPECT_EQ(change(MemoryCommand::PopulatePhysmap, more), 0);
    EXPECT_EQ(ask(MemoryCommand::CurrentReservation), 72 * kMebibyte);
    EXPECT_EQ(change(MemoryCommand::DecreaseReservation, frame), 1);
    EXPECT_EQ(change(MemoryCommand::PopulatePhysmap, more), 1);
}
