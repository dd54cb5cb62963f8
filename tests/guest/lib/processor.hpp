// What a test kernel asks of its processor: CPUID and model-specific registers.
#pragma once

#include "tests/guest/lib/traps.hpp"

namespace guest {

struct CpuidLeaf {
    u32 a, b, c, d;
};

// As the domain sees it: with the prefix that has hv carry CPUID out, wherever the processor lets user mode have it.
inline CpuidLeaf forced_cpuid(u32 leaf, u32 subleaf = 0) {
    CpuidLeaf out{leaf, 0, subleaf, 0};
    asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e\n cpuid" : "+a"(out.a), "=b"(out.b), "+c"(out.c), "=d"(out.d));
    return out;
}

inline Fault read_msr(u32 msr, u64& value) {
    return catch_fault([&] {
        u32 low, high;
        asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
        value = u64{high} << 32 | low;
    });
}

inline Fault write_msr(u32 msr, u64 value) {
    return catch_fault([=] {
        asm volatile("wrmsr" : : "c"(msr), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)));
    });
}

}  // namespace guest
