// A register that each vCPU has for itself: two of them write different values to it and take turns on one CPU.
#pragma once

#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/processor.hpp"
#include "tests/guest/lib/vcpu.hpp"

namespace guest {

inline bool holds(u32 msr, u64 wanted) {
    u64 value = ~wanted;
    return !read_msr(msr, value).happened && value == wanted;
}

// Bits of `allowed` can be written, alone and together, and no others.
inline void check_bits(u32 msr, u64 allowed) {
    EXPECT_TRUE(holds(msr, 0));
    for (u32 bit = 0; bit < 64; ++bit) {
        const u64 value = u64{1} << bit;
        const Fault fault = write_msr(msr, value);
        EXPECT_EQ(fault.happened, (allowed & value) == 0);
        if (fault.happened) EXPECT_EQ(fault.vector, kGeneralProtection);
        EXPECT_TRUE(holds(msr, allowed & value));
        EXPECT_TRUE(!write_msr(msr, 0).happened);
    }
    EXPECT_TRUE(!write_msr(msr, allowed).happened && holds(msr, allowed));
    EXPECT_TRUE(write_msr(msr, ~u64{0}).happened && holds(msr, allowed));
    EXPECT_TRUE(!write_msr(msr, 0).happened);
}

// Commands: nothing to read.
inline void check_command(u32 msr, u64 allowed) {
    u64 value = 0;
    EXPECT_TRUE(read_msr(msr, value).happened);
    for (u32 bit = 0; bit < 64; ++bit) EXPECT_EQ(write_msr(msr, u64{1} << bit).happened, ((allowed >> bit) & 1) == 0);
    EXPECT_EQ(write_msr(msr, 0).happened, allowed == 0);
}

inline void pin_to_first_cpu() {
    SchedPinOverride here{0};
    EXPECT_EQ(sched_op(SchedCommand::PinOverride, &here), 0);
}

// Needs two vCPUs. The second one begins with 0 there.
template <u32 msr>
void check_own(u64 first, u64 second) {
    static volatile bool good;
    static volatile u64 other;
    REQUIRE_TRUE(vcpu_count() >= 2);
    other = second;
    good = false;
    pin_to_first_cpu();
    const auto body = [](void*) {
        pin_to_first_cpu();
        bool found = holds(msr, 0) && !write_msr(msr, other).happened;
        for (unsigned i = 0; i < 20; ++i) {
            yield();
            found = found && holds(msr, other);
        }
        good = found;
    };
    EXPECT_TRUE(!write_msr(msr, first).happened);
    REQUIRE_EQ(start_vcpu(1, body, nullptr), 0);
    while (vcpu_is_up(1)) {
        EXPECT_TRUE(holds(msr, first));
        yield();
    }
    EXPECT_TRUE(good);
}

}  // namespace guest
