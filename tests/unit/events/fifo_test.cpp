// FIFO ports, with guests that keep to the rules and guests that do not.
#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/events/guest.hpp"

namespace guest {
namespace {

class Fifo : public Events {
  protected:
    void SetUp() override {
        Events::SetUp();
        for (std::uint32_t vcpu = 0; vcpu < 2; ++vcpu) {
            const hv::Mfn frame = fake::give_page(*front);
            EventChannelInitControl op{.control_gfn = frame.raw, .offset = 64, .vcpu = vcpu, .link_bits = 0, .pad = {}};
            ASSERT_EQ(event_op(*front, EventChannelCommand::InitControl, op), 0);
            EXPECT_EQ(op.link_bits, 17);
            control[vcpu] = reinterpret_cast<FifoControlBlock*>(static_cast<std::byte*>(fake::page(frame)) + 64);
        }
        words = static_cast<std::uint32_t*>(fake::page(expand()));
    }
    hv::Mfn expand() {
        const hv::Mfn frame = fake::give_page(*front);
        EventChannelExpandArray op{.array_gfn = frame.raw};
        EXPECT_EQ(event_op(*front, EventChannelCommand::ExpandArray, op), 0);
        return frame;
    }
    Port ipi(std::uint32_t vcpu = 0) {
        EventChannelBindIpi op{.vcpu = vcpu, .port = 0};
        EXPECT_EQ(event_op(*front, EventChannelCommand::BindIpi, op), 0);
        return op.port;
    }
    // Consumes a queue as Linux does.
    std::vector<Port> consume(std::uint32_t vcpu, std::uint32_t queue) {
        std::vector<Port> ports;
        std::atomic_ref ready{control[vcpu]->ready};
        if (!(ready.fetch_and(~(1u << queue)) & (1u << queue))) return ports;
        for (Port port = control[vcpu]->head[queue]; port != 0;) {
            std::atomic_ref word{words[port]};
            std::uint32_t old = word.load();
            while (!word.compare_exchange_weak(old, old & ~((1u << kFifoLinkedBit) | kFifoLinkMask))) {
            }
            if (!(word.load() & (1u << kFifoMaskedBit)) &&
                (word.fetch_and(~(1u << kFifoPendingBit)) & (1u << kFifoPendingBit)))
                ports.push_back(port);
            port = old & kFifoLinkMask;
        }
        std::atomic_ref{front->vcpu(hv::VcpuId{vcpu})->info.load()->evtchn_upcall_pending}.store(0);
        return ports;
    }
    FifoControlBlock* control[2] = {};
    std::uint32_t* words = nullptr;
};

TEST_F(Fifo, KeepsTheOrder) {
    std::vector<Port> ports;
    for (int i = 0; i < 10; ++i) ports.push_back(ipi());
    std::vector<Port> order{ports[3], ports[9], ports[0], ports[5]};
    for (const Port port : order) EXPECT_EQ(send(*front, port), 0);
    EXPECT_EQ(send(*front, ports[9]), 0);  // again: still once
    EXPECT_EQ(control[0]->ready, 1u << kFifoPriorityDefault);
    EXPECT_EQ(front->vcpu(hv::VcpuId{0})->info.load()->evtchn_upcall_pending, 1);
    EXPECT_EQ(consume(0, kFifoPriorityDefault), order);
    EXPECT_EQ(send(*front, ports[1]), 0);
    EXPECT_EQ(consume(0, kFifoPriorityDefault), std::vector{ports[1]});
}

TEST_F(Fifo, PrioritiesAndVcpus) {
    const Port a = ipi();
    const Port b = ipi(1);
    EventChannelSetPriority op{.port = a, .priority = 2};
    EXPECT_EQ(event_op(*front, EventChannelCommand::SetPriority, op), 0);
    op.priority = 16;
    EXPECT_EQ(event_op(*front, EventChannelCommand::SetPriority, op), -kEINVAL);
    EXPECT_EQ(send(*front, a), 0);
    EXPECT_EQ(send(*front, b), 0);
    EXPECT_EQ(consume(0, 2), std::vector{a});
    EXPECT_EQ(consume(1, kFifoPriorityDefault), std::vector{b});
    // A port that changes its queue while it is the tail of the old one.
    const Port c = ipi();
    EXPECT_EQ(send(*front, c), 0);
    consume(0, kFifoPriorityDefault);
    op = {.port = c, .priority = 3};
    EXPECT_EQ(event_op(*front, EventChannelCommand::SetPriority, op), 0);
    EXPECT_EQ(send(*front, c), 0);
    const Port d = ipi();
    EXPECT_EQ(send(*front, d), 0);
    EXPECT_EQ(consume(0, 3), std::vector{c});
    EXPECT_EQ(consume(0, kFifoPriorityDefault), std::vector{d});
}

TEST_F(Fifo, MaskedIsNotLinkedUntilUnmasked) {
    const Port port = ipi();
    words[port] = 1u << kFifoMaskedBit;
    EXPECT_EQ(send(*front, port), 0);
    EXPECT_EQ(words[port], (1u << kFifoMaskedBit) | (1u << kFifoPendingBit));
    EXPECT_EQ(control[0]->ready, 0u);
    EventChannelUnmask op{.port = port};
    EXPECT_EQ(event_op(*front, EventChannelCommand::Unmask, op), 0);
    EXPECT_EQ(consume(0, kFifoPriorityDefault), std::vector{port});
}

TEST_F(Fifo, PendingBeforeItsPageExists) {
    Port port = 0;
    while (port < kFifoWordsPerPage + 10 && front->events.ports_in_use() < 1023) port = ipi();
    ASSERT_EQ(port, 1023u);
    EXPECT_EQ(close(*front, port), 0);
}

TEST_F(Fifo, BadSetUp) {
    EventChannelInitControl again{
        .control_gfn = fake::give_page(*front).raw, .offset = 0, .vcpu = 0, .link_bits = 0, .pad = {}};
    EXPECT_EQ(event_op(*front, EventChannelCommand::InitControl, again), -kEINVAL);
    for (const auto& [gfn, offset, vcpu, wanted] :
         {std::tuple<std::uint64_t, std::uint32_t, std::uint32_t, std::int64_t>{again.control_gfn, 4096 - 64, 0,
                                                                                -kEINVAL},
          {again.control_gfn, 4, 0, -kEINVAL},
          {again.control_gfn, ~7u, 0, -kEINVAL},
          {again.control_gfn, 0, 2, -kENOENT},
          {~0ull, 0, 0, -kEINVAL},
          {fake::give_page(*front).raw, 0, 0, -kEINVAL}}) {
        EventChannelInitControl op{.control_gfn = gfn, .offset = offset, .vcpu = vcpu, .link_bits = 0, .pad = {}};
        EXPECT_EQ(event_op(*back, EventChannelCommand::InitControl, op), wanted) << gfn << ' ' << offset;
    }
    EventChannelExpandArray op{.array_gfn = fake::give_page(*back).raw};
    EXPECT_EQ(event_op(*back, EventChannelCommand::ExpandArray, op), -kEOPNOTSUPP);
    EXPECT_EQ(event_op(*front, EventChannelCommand::ExpandArray, op), -kEINVAL);  // another domain's frame
    for (int i = 1; i < 128; ++i) expand();
    op.array_gfn = fake::give_page(*front).raw;
    EXPECT_EQ(event_op(*front, EventChannelCommand::ExpandArray, op), -kENOSPC);
}

TEST_F(Fifo, TwoLevelEventsSurviveTheChange) {
    const Port unbound = alloc_unbound(*front, *back);
    Port port = 0;
    ASSERT_EQ(bind_interdomain(*back, *front, unbound, port), 0);  // makes it pending
    const hv::Mfn frame = fake::give_page(*back);
    EventChannelInitControl op{.control_gfn = frame.raw, .offset = 0, .vcpu = 0, .link_bits = 0, .pad = {}};
    ASSERT_EQ(event_op(*back, EventChannelCommand::InitControl, op), 0);
    const hv::Mfn array = fake::give_page(*back);
    EventChannelExpandArray grow{.array_gfn = array.raw};
    ASSERT_EQ(event_op(*back, EventChannelCommand::ExpandArray, grow), 0);
    EXPECT_EQ(static_cast<std::uint32_t*>(fake::page(array))[port], (1u << kFifoPendingBit) | (1u << kFifoLinkedBit));
    EXPECT_EQ(static_cast<FifoControlBlock*>(fake::page(frame))->head[kFifoPriorityDefault], port);

    EventChannelReset reset{.domid = kDomidSelf};
    EXPECT_EQ(event_op(*back, EventChannelCommand::Reset, reset), 0);
    EXPECT_FALSE(back->events.uses_fifo());
    EXPECT_EQ(hv::frame_info(array).type_count(), 0u);
    EXPECT_EQ(hv::frame_info(frame).references(), 1u);
}

// The guest scribbles over everything that it shares while events are sent.
TEST_F(Fifo, HostileWords) {
    std::vector<Port> ports;
    for (int i = 0; i < 16; ++i) ports.push_back(ipi(static_cast<std::uint32_t>(i % 2)));
    std::atomic<bool> stop{false};
    std::thread scribbler{[&] {
        std::uint32_t seed = 1;
        while (!stop) {
            seed = seed * 1664525 + 1013904223;
            std::atomic_ref{words[seed % 32]}.store(seed);
            std::atomic_ref{control[seed % 2]->head[seed / 7 % 16]}.store(seed);
            std::atomic_ref{control[seed % 2]->ready}.store(seed / 3);
        }
    }};
    std::vector<std::thread> senders;
    for (hv::CpuId cpu{1}; cpu.raw < 4; ++cpu) {
        senders.emplace_back([&, cpu] {
            fake::on_cpu(cpu);
            for (std::uint32_t i = 0; i < 20'000; ++i) {
                const hv::EventPort port{ports[(i * cpu.raw) % ports.size()]};
                static_cast<void>(front->events.send(port));
                if (i % 5 == 0) static_cast<void>(front->events.unmask(port));
                if (i % 7 == 0) static_cast<void>(front->events.set_priority(port, i % 16));
            }
        });
    }
    for (std::thread& thread : senders) thread.join();
    stop = true;
    scribbler.join();
    fake::settle();
    for (const Port port : ports) EXPECT_EQ(close(*front, port), 0);
}

// Senders against a guest that consumes: every event that was sent is seen.
TEST_F(Fifo, NothingIsLost) {
    std::vector<Port> ports;
    for (int i = 0; i < 8; ++i) ports.push_back(ipi());
    std::vector<std::atomic<std::uint32_t>> wanted(ports.size());
    std::atomic<int> running{2};
    std::vector<std::thread> senders;
    for (hv::CpuId cpu{1}; cpu.raw < 3; ++cpu) {
        senders.emplace_back([&, cpu] {
            fake::on_cpu(cpu);
            for (std::uint32_t i = 0; i < 20'000; ++i) {
                const std::size_t which = (i * 3 + cpu.raw) % ports.size();
                wanted[which] = 1;
                static_cast<void>(front->events.send(hv::EventPort{ports[which]}));
            }
            --running;
        });
    }
    std::vector<bool> seen(4096);
    do {
        // As wanted[] is set before the send, what is consumed now covers it or is sent after this.
        for (const Port port : consume(0, kFifoPriorityDefault)) seen[port] = true;
    } while (running);
    for (std::thread& thread : senders) thread.join();
    for (const Port port : consume(0, kFifoPriorityDefault)) seen[port] = true;
    for (std::size_t i = 0; i < ports.size(); ++i) EXPECT_TRUE(seen[ports[i]]);
    for (const Port port : ports) EXPECT_FALSE(words[port] & (1u << kFifoPendingBit));
    for (const Port port : ports) {
        EXPECT_EQ(send(*front, port), 0);
        EXPECT_EQ(consume(0, kFifoPriorityDefault), std::vector{port});
    }
    fake::settle();
}

}  // namespace
}  // namespace guest
