// Promised: Dom0 gets as many pirqs for a device's message-signalled interrupts as the device has messages, all of them
// together or none; each is bound, moved and closed by itself. Exercised: PHYSDEVOP_map_pirq for one, two and too many
// messages of a PCI Express root port (file `machine`), its registers as the hypervisor programs them, an interrupt
// that the port really sends, moves to another vCPU, unmapping. A pass means: the device was told what was granted,
// interrupts arrive at the first pirq alone and follow it, nothing is given away while it is in use. That the second
// message arrives needs a broken link, which no program can cause.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

#include "hv/abi/xen/physdev.hpp"

using namespace guest;

namespace {

constexpr u8 kDevfn = 5 << 3;
constexpr u8 kMsiCapability = 0x05, kExpressCapability = 0x10;
constexpr u32 kHotPlugEnable = 1u << 5, kCommandDoneEnable = 1u << 4, kCommandDone = 1u << 4;

void out32(u16 port, u32 value) {
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
u32 in32(u16 port) {
    u32 value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

void select(u8 reg) {
    out32(0xcf8, 0x8000'0000u | u32{kDevfn} << 8 | (reg & 0xfcu));
}
u32 read32(unsigned reg) {
    select(static_cast<u8>(reg));
    return in32(0xcfc);
}
void write32(unsigned reg, u32 value) {
    select(static_cast<u8>(reg));
    out32(0xcfc, value);
}

unsigned find(u8 capability) {
    unsigned at = read32(0x34) & 0xfc;
    while (at >= 0x40 && (read32(at) & 0xff) != capability) at = read32(at) >> 8 & 0xfc;
    return at;
}

long map(MapPirqType type, int messages, PhysdevMapPirq& request) {
    request = {};
    request.domid = static_cast<u16>(kDomidSelf);
    request.type = static_cast<std::int32_t>(type);
    request.index = request.pirq = -1;
    request.devfn = kDevfn;
    request.entry_nr = messages;
    return hypercall(HypercallId::PhysdevOp, PhysdevCommand::MapPirq, &request);
}

long unmap(int pirq) {
    PhysdevUnmapPirq request{static_cast<u16>(kDomidSelf), 0, pirq};
    return hypercall(HypercallId::PhysdevOp, PhysdevCommand::UnmapPirq, &request);
}

u32 bind(int pirq) {
    EventChannelBindPirq request{static_cast<u32>(pirq), 0, 0};
    EXPECT_EQ(event_op(EventChannelCommand::BindPirq, &request), 0);
    return request.port;
}

unsigned msi, express;

u32 enabled_messages() {
    return 1u << (read32(msi) >> 20 & 7);
}
u32 message_data() {
    return read32(msi + (read32(msi) >> 23 & 1 ? 12 : 8)) & 0xffff;
}

void enable_device() {
    write32(4, (read32(4) & 0xffff) | 4);  // may send messages
    write32(msi, read32(msi) | 1u << 16);
}

// A write to the slot's control register is a command, whose end the port reports.
void make_interrupt() {
    const unsigned slot = express + 0x18;
    write32(slot, kHotPlugEnable | kCommandDoneEnable | kCommandDone << 16);
    write32(slot, kHotPlugEnable | kCommandDoneEnable);
}

void expect_interrupt(u32 port) {
    const u64 seen = upcall_count(port);
    make_interrupt();
    wait_for_upcall(port, seen);
}

void check_one() {
    PhysdevMapPirq one;
    REQUIRE_EQ(map(MapPirqType::MsiSegment, 0, one), 0);
    const u32 port = bind(one.pirq);
    unmask(port);
    enable_device();
    EXPECT_EQ(enabled_messages(), 1);
    expect_interrupt(port);
    EXPECT_EQ(close_port(port), 0);
    EXPECT_EQ(unmap(one.pirq), 0);
}

void check_two() {
    PhysdevMapPirq two;
    REQUIRE_EQ(map(MapPirqType::MultiMsi, 2, two), 0);
    EXPECT_EQ(enabled_messages(), 2);  // kernels read from the device what each is for, before they bind any
    const u32 first = bind(two.pirq), second = bind(two.pirq + 1);
    unmask(first);
    unmask(second);
    enable_device();
    EXPECT_EQ(enabled_messages(), 2);
    EXPECT_EQ(message_data() & 1, 0);
    const u64 second_seen = upcall_count(second);
    for (u32 round = 0; round < 6; ++round) {
        if (vcpu_count() > 1) {
            EventChannelBindVcpu move{first, round & 1};
            EXPECT_EQ(event_op(EventChannelCommand::BindVcpu, &move), 0);
            move = {second, 1};  // may not take the first along
            EXPECT_EQ(event_op(EventChannelCommand::BindVcpu, &move), 0);
            move = {first, 0};
            EXPECT_EQ(event_op(EventChannelCommand::BindVcpu, &move), 0);
        }
        EXPECT_EQ(enabled_messages(), 2);
        EXPECT_EQ(message_data() & 1, 0);
        expect_interrupt(first);
    }
    EXPECT_EQ(upcall_count(second), second_seen);
    EXPECT_TRUE(unmap(two.pirq) < 0);
    EXPECT_TRUE(unmap(two.pirq + 1) < 0);
    EXPECT_EQ(close_port(second), 0);
    expect_interrupt(first);
    EXPECT_EQ(close_port(first), 0);
    const u32 again = bind(two.pirq);
    unmask(again);
    expect_interrupt(again);
    EXPECT_TRUE(unmap(two.pirq + 1) < 0);
    EXPECT_EQ(close_port(again), 0);
    EXPECT_EQ(unmap(two.pirq), 0);
    EXPECT_TRUE(!(read32(msi) & 1u << 16));  // and the device is silent
    EventChannelBindPirq gone{static_cast<u32>(two.pirq + 1), 0, 0};
    EXPECT_TRUE(event_op(EventChannelCommand::BindPirq, &gone) < 0);
}

void check_refused() {
    PhysdevMapPirq request;
    for (const int messages : {3, 4, 32, 33, 64, -1, 0, 1 << 30})
        EXPECT_TRUE(map(MapPirqType::MultiMsi, messages, request) < 0);
    EXPECT_TRUE(map(MapPirqType::MultiMsi, 4, request) < 0);
    EXPECT_EQ(request.entry_nr, 2);  // so many are possible
}

}  // namespace

void guest::test_main() {
    PhysdevSetIopl iopl{1};
    REQUIRE_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIopl, &iopl), 0);
    if ((read32(0) & 0xffff) == 0xffff) return skip("the machine has no such device");
    if (!on_hv()) return skip("Xen grants several messages only where an IOMMU remaps interrupts");
    PhysdevPciDeviceAdd added{};
    added.devfn = kDevfn;
    REQUIRE_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::PciDeviceAdd, &added), 0);
    msi = find(kMsiCapability);
    express = find(kExpressCapability);
    REQUIRE_TRUE(msi >= 0x40 && express >= 0x40);
    check_one();
    check_two();
    check_refused();
    check_two();
    check_one();
}
