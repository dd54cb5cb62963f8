// What another CPU does in the worst moment.
#include <atomic>
#include <thread>

#include "hv/abi/xen/event_channel.hpp"
#include "hv/hypercall/handlers.hpp"
#include "tests/unit/pv_mmu/guest.hpp"

namespace {

using namespace guest;

class Race : public Mmu {};

// While a frame changes its type, the stale translations of all CPUs are flushed. A writable mapping that comes and
// goes just after the flush, and before the frame has its new type, must be flushed as well.
TEST_F(Race, WritableMappingBetweenFlushAndNewType) {
    const Mfn frame = this->frame();
    ASSERT_TRUE(hv::get_frame_and_type(frame, domain->id, FrameType::Writable).has_value());
    hv::put_frame_and_type(info(frame));
    unsigned flushes = 0;
    fake::when_flushed([&] {
        ++flushes;
        ASSERT_TRUE(hv::get_frame_and_type(frame, domain->id, FrameType::Writable).has_value());
        hv::put_frame_and_type(info(frame));
        fake::when_flushed([&] { ++flushes; });
    });
    ASSERT_TRUE(hv::get_frame_and_type(frame, domain->id, FrameType::L1, hv::Preemption::Allowed).has_value());
    fake::when_flushed(nullptr);
    EXPECT_EQ(flushes, 2u);
    put_any(info(frame));
}

// The stamp of a frame's last use must not be older than a use that came and went while it was being made.
TEST_F(Race, UseBetweenStampAndLastPut) {
    const Mfn frame = this->frame();
    ASSERT_TRUE(hv::get_frame_and_type(frame, domain->id, FrameType::Writable).has_value());
    fake::when_clock_is_read([&] {
        ASSERT_TRUE(hv::get_frame_and_type(frame, domain->id, FrameType::Writable).has_value());
        fake::advance_clock();
        hv::put_frame_and_type(info(frame));
    });
    hv::put_frame_and_type(info(frame));
    bool flushed = false;
    fake::when_flushed([&] { flushed = true; });
    ASSERT_TRUE(hv::get_frame_and_type(frame, domain->id, FrameType::L1, hv::Preemption::Allowed).has_value());
    fake::when_flushed(nullptr);
    EXPECT_TRUE(flushed);
    put_any(info(frame));
}

// A CPU that writes to a frame which another one is validating must answer that one's requests while it waits.
TEST_F(Race, WriterWaitsForValidationAnsweringRequests) {
    const Tree tree = make_tree(1, 1);
    // The L3 was written to through a mapping: making it a table needs a flush.
    ASSERT_TRUE(hv::get_frame_and_type(tree.l3, domain->id, FrameType::Writable).has_value());
    hv::put_frame_and_type(info(tree.l3));
    std::atomic<bool> validating{false};
    std::thread writer;
    fake::when_flushed([&] {
        validating = true;
        writer = std::thread{[&] {
            fake::on_cpu(hv::CpuId{1});
            MmuUpdate update{entry_address(tree.l4, 511), 0};
            hv::HypercallArguments arguments{{fake::address(update), 1, 0, kDomidSelf, 0, 0}};
            EXPECT_TRUE(call_once(*domain->vcpu(hv::VcpuId{1}), do_mmu_update, arguments).has_value());
        }};
        // The flush is answered when the other CPU pauses.
        const std::uint64_t before = fake::pauses();
        while (fake::pauses() == before) std::this_thread::yield();
    });
    EXPECT_EQ(pin(*vcpu, tree.l4, 4), 0);
    ASSERT_TRUE(validating);
    writer.join();
}

// Pages that a guest gives for its events may have had another use: others bind and close ports while hv waits for
// flushes of them.
TEST_F(Race, PagesForEventsChangeTheirUseWithoutTheTablesLock) {
    const auto used_page = [this] {
        const Mfn page = frame();
        EXPECT_TRUE(hv::get_frame_and_type(page, domain->id, FrameType::Descriptor).has_value());
        hv::put_frame_and_type(info(page));
        return page;
    };
    const auto event_op = [this](EventChannelCommand command, auto op) {
        return call(*vcpu, hv::do_event_channel_op, static_cast<std::uint64_t>(command), fake::address(op));
    };
    unsigned flushes = 0;
    const auto watch = [&] {
        fake::when_flushed([&] {
            ++flushes;
            EXPECT_EQ(event_op(EventChannelCommand::BindIpi, EventChannelBindIpi{.vcpu = 0, .port = 0}), 0);
        });
    };
    const Mfn control = used_page(), words = used_page();
    watch();
    const EventChannelInitControl init{.control_gfn = control.raw, .offset = 0, .vcpu = 0, .link_bits = 0, .pad = {}};
    EXPECT_EQ(event_op(EventChannelCommand::InitControl, init), 0);
    EXPECT_EQ(flushes, 1u);
    info(words).tlb_stamp = hv::tlb_clock();
    watch();
    EXPECT_EQ(event_op(EventChannelCommand::ExpandArray, EventChannelExpandArray{.array_gfn = words.raw}), 0);
    fake::when_flushed(nullptr);
    EXPECT_EQ(flushes, 2u);
    // Nothing is held of a page that was not taken.
    const Mfn spare = frame();
    EventChannelInitControl again = init;
    again.control_gfn = spare.raw;
    EXPECT_EQ(event_op(EventChannelCommand::InitControl, again), kInvalid);
    EXPECT_EQ(info(spare).references(), 1u);
}

}  // namespace
