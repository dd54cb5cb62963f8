#include "tests/guest/lib/traps.hpp"

#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

namespace guest {
namespace {

struct Stub {
    u64 vector;
    u64 address;
};
extern "C" const Stub trap_stubs[];
extern "C" u8 event_stub[], failsafe_stub[], catch_resume[];

TrapInfo table[33];
TrapHook hooks[258];

void fail_on(const TrapFrame& frame) {
    note_failure(Text{}.add("unexpected trap ", frame.vector, " error ", Hex{frame.error}, " rip ", Hex{frame.rip},
                            " cr2 ", Hex{this_vcpu().info().arch.cr2}, " rsp ", Hex{frame.rsp}));
    give_verdict();
}

}  // namespace

const TrapInfo* trap_table() {
    return table;
}

void set_trap_hook(u64 vector, TrapHook hook) {
    hooks[vector] = hook;
}

void set_catch_point(CatchPoint* point) {
    this_vcpu().catch_point = point;
}

extern "C" void guest_trap(TrapFrame& frame) {
    if (hooks[frame.vector] && hooks[frame.vector](frame)) return;
    if (frame.vector == kEventVector) {
        handle_upcall();
        return;
    }
    CatchPoint* const point = this_vcpu().catch_point;
    if (!point) fail_on(frame);
    point->fault = {true, frame.vector, frame.error, this_vcpu().info().arch.cr2, frame.rip};
    this_vcpu().catch_point = nullptr;
    frame.rip = reinterpret_cast<u64>(catch_resume);
    frame.rsp = point->stack;
    frame.cs = kFlatKernelCs & ~3ull;  // the low bits would say user mode
    frame.ss = kFlatKernelSs;
    frame.rflags &= ~0x10500ull;  // no single step, no resume flag, direction up
}

void init_traps() {
    unsigned count = 0;
    for (const Stub* stub = trap_stubs; stub->address; ++stub) {
        const u8 ring = stub->vector == kBreakpoint || stub->vector == kOverflow || stub->vector == 128 ? 3 : 0;
        table[count++] = {static_cast<u8>(stub->vector), ring, kFlatKernelCs, 0, stub->address};
    }
    REQUIRE_EQ(hypercall(HypercallId::SetTrapTable, table), 0);
    CallbackRegister event{static_cast<u16>(CallbackType::Event), 0, 0, reinterpret_cast<u64>(event_stub)};
    REQUIRE_EQ(hypercall(HypercallId::CallbackOp, CallbackCommand::Register, &event), 0);
    CallbackRegister failsafe{static_cast<u16>(CallbackType::Failsafe), 0, 0, reinterpret_cast<u64>(failsafe_stub)};
    REQUIRE_EQ(hypercall(HypercallId::CallbackOp, CallbackCommand::Register, &failsafe), 0);
}

Fault try_read(u64 address) {
    return catch_fault([address] { (void)*reinterpret_cast<volatile u8*>(address); });
}

Fault try_write(u64 address) {
    return catch_fault([address] { *reinterpret_cast<volatile u8*>(address) = 0x5a; });
}

}  // namespace guest
