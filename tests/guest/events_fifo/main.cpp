// Promised: FIFO event channels: queues by priority in pages that the guest gives, linked through event words.
// Exercised: init_control, expand_array, delivery, order within and across priorities, masks, set_priority, bad control
// blocks and array pages, more than 4096 ports, an event word spoiled by the guest.
// A pass means: events come out in the promised order, and a guest that corrupts its own queue hurts itself only.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr u32 kPending = 1u << kFifoPendingBit, kMasked = 1u << kFifoMaskedBit, kLinked = 1u << kFifoLinkedBit;

Page control, array;

FifoControlBlock& block() {
    return *reinterpret_cast<FifoControlBlock*>(control.bytes);
}
u32& word(u32 port) {
    return reinterpret_cast<u32*>(array.bytes)[port];
}
u32 load(u32& where) {
    return __atomic_load_n(&where, __ATOMIC_SEQ_CST);
}

// Takes the next event off the most urgent queue; 0 when nothing is left.
u32 next_event() {
    const u32 ready = load(block().ready);
    if (!ready) return 0;
    const auto queue = static_cast<unsigned>(__builtin_ctz(ready));
    const u32 port = load(block().head[queue]);
    if (!port) {
        __atomic_fetch_and(&block().ready, ~(1u << queue), __ATOMIC_SEQ_CST);
        return next_event();
    }
    u32& event = word(port);
    u32 old = load(event), replacement;
    do replacement = old & ~(kLinked | kFifoLinkMask);
    while (!__atomic_compare_exchange_n(&event, &old, replacement, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    const u32 link = old & kFifoLinkMask;
    block().head[queue] = link;
    if (!link) __atomic_fetch_and(&block().ready, ~(1u << queue), __ATOMIC_SEQ_CST);
    if (old & kMasked || !(__atomic_fetch_and(&event, ~kPending, __ATOMIC_SEQ_CST) & kPending)) return next_event();
    return port;
}

long set_priority(u32 port, u32 priority) {
    EventChannelSetPriority op{port, priority};
    return event_op(EventChannelCommand::SetPriority, &op);
}

long init_control(u64 mfn, u32 offset, u32 vcpu) {
    EventChannelInitControl op{mfn, offset, vcpu, 0, {}};
    const long result = event_op(EventChannelCommand::InitControl, &op);
    if (result == 0) EXPECT_EQ(op.link_bits, kFifoLinkBits);
    return result;
}

long expand(u64 mfn) {
    EventChannelExpandArray op{mfn};
    return event_op(EventChannelCommand::ExpandArray, &op);
}

void check_setup() {
    EXPECT_TRUE(expand(array.mfn) < 0);  // not yet
    EXPECT_TRUE(init_control(control.mfn, 4, 0) < 0);
    EXPECT_TRUE(init_control(control.mfn, 4096 - 64, 0) < 0);
    EXPECT_TRUE(init_control(control.mfn, 0xffff'fff8, 0) < 0);
    EXPECT_TRUE(init_control(~0ull >> 12, 0, 0) < 0);
    EXPECT_TRUE(init_control(top_table_mfn(), 0, 0) < 0);  // hv would write to a page table
    EXPECT_TRUE(init_control(control.mfn, 0, 9999) < 0);
    REQUIRE_EQ(init_control(control.mfn, 0, 0), 0);
    EXPECT_TRUE(expand(top_table_mfn()) < 0);
    EXPECT_TRUE(expand(~0ull >> 12) < 0);
    REQUIRE_EQ(expand(array.mfn), 0);
    // Both pages now stay what they are.
    EXPECT_EQ(make_read_only(control), 0);
    EXPECT_TRUE(mmuext(MmuextCommand::PinL1Table, control.mfn) < 0);
    EXPECT_EQ(make_writable(control), 0);
}

void check_order() {
    u32 ports[6];
    for (u32& port : ports) {
        port = static_cast<u32>(bind_ipi(0));
        EXPECT_EQ(unmask(port), 0);
    }
    EXPECT_EQ(set_priority(ports[3], kFifoPriorityMax), 0);
    EXPECT_EQ(set_priority(ports[4], kFifoPriorityMin), 0);
    EXPECT_TRUE(set_priority(ports[4], 16) < 0);
    for (const u32 i : {4u, 0u, 1u, 3u, 2u}) EXPECT_EQ(send(ports[i]), 0);
    EXPECT_EQ(this_vcpu().info().evtchn_upcall_pending, 1);
    for (const u32 i : {3u, 0u, 1u, 2u, 4u}) EXPECT_EQ(next_event(), ports[i]);
    EXPECT_EQ(next_event(), 0);
    // Masked ones wait.
    __atomic_fetch_or(&word(ports[0]), kMasked, __ATOMIC_SEQ_CST);
    EXPECT_EQ(send(ports[0]), 0);
    EXPECT_EQ(next_event(), 0);
    EXPECT_TRUE(load(word(ports[0])) & kPending);
    EXPECT_EQ(unmask(ports[0]), 0);
    EXPECT_EQ(next_event(), ports[0]);
    // Twice is once.
    EXPECT_EQ(send(ports[1]), 0);
    EXPECT_EQ(send(ports[1]), 0);
    EXPECT_EQ(next_event(), ports[1]);
    EXPECT_EQ(next_event(), 0);
    for (const u32 port : ports) EXPECT_EQ(close_port(port), 0);
}

void check_many_ports() {
    // One array page has 1024 words: ports beyond have no word yet, so that events on them get lost or ports refused.
    u32 count = 0;
    static u32 ports[1100];
    while (count < 1100) {
        const long port = bind_ipi(0);
        if (port < 0) break;
        ports[count++] = static_cast<u32>(port);
        send(ports[count - 1]);
        unmask(ports[count - 1]);
    }
    EXPECT_TRUE(count >= 1000);
    while (next_event()) {
    }
    const Page second = allocate_page();
    EXPECT_EQ(expand(second.mfn), 0);
    for (u32 i = 0; i < count; ++i) EXPECT_EQ(close_port(ports[i]), 0);
}

void check_spoiled_words() {
    const u32 one = static_cast<u32>(bind_ipi(0)), two = static_cast<u32>(bind_ipi(0));
    unmask(one);
    unmask(two);
    for (const u32 junk : {0xffff'ffffu, kLinked | 0x1'ffff, kLinked | one, 0u, 1u << kFifoBusyBit}) {
        send(one);
        word(one) = junk;
        word(two) = junk;
        block().head[kFifoPriorityDefault] = 0x1'ffff;
        block().ready = 0xffff'ffff;
        send(two);
        send(one);
        unmask(one);
        unmask(two);
        word(one) = word(two) = 0;
        for (u32& head : block().head) head = 0;
        block().ready = 0;
    }
    close_port(one);
    close_port(two);
}

}  // namespace

void guest::test_main() {
    control = allocate_page();
    array = allocate_page();
    check_setup();
    check_order();
    check_many_ports();
    check_spoiled_words();
    EventChannelReset reset{kDomidSelf};
    EXPECT_EQ(event_op(EventChannelCommand::Reset, &reset), 0);
    // Two-level again.
    const u32 port = static_cast<u32>(bind_ipi(0));
    EXPECT_EQ(send(port), 0);
    EXPECT_TRUE(port_pending(port));
}
