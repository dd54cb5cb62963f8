#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/event_channel.h>
}

#include "hv/abi/xen/event_channel.hpp"

namespace our = hv::abi::xen;

TEST(XenEventChannel, Commands) {
    EXPECT_SAME_VALUE(our::EventChannelCommand::BindInterdomain, EVTCHNOP_bind_interdomain);
    EXPECT_SAME_VALUE(our::EventChannelCommand::BindVirq, EVTCHNOP_bind_virq);
    EXPECT_SAME_VALUE(our::EventChannelCommand::BindPirq, EVTCHNOP_bind_pirq);
    EXPECT_SAME_VALUE(our::EventChannelCommand::Close, EVTCHNOP_close);
    EXPECT_SAME_VALUE(our::EventChannelCommand::Send, EVTCHNOP_send);
    EXPECT_SAME_VALUE(our::EventChannelCommand::Status, EVTCHNOP_status);
    EXPECT_SAME_VALUE(our::EventChannelCommand::AllocUnbound, EVTCHNOP_alloc_unbound);
    EXPECT_SAME_VALUE(our::EventChannelCommand::BindIpi, EVTCHNOP_bind_ipi);
    EXPECT_SAME_VALUE(our::EventChannelCommand::BindVcpu, EVTCHNOP_bind_vcpu);
    EXPECT_SAME_VALUE(our::EventChannelCommand::Unmask, EVTCHNOP_unmask);
    EXPECT_SAME_VALUE(our::EventChannelCommand::Reset, EVTCHNOP_reset);
    EXPECT_SAME_VALUE(our::EventChannelCommand::InitControl, EVTCHNOP_init_control);
    EXPECT_SAME_VALUE(our::EventChannelCommand::ExpandArray, EVTCHNOP_expand_array);
    EXPECT_SAME_VALUE(our::EventChannelCommand::SetPriority, EVTCHNOP_set_priority);
    EXPECT_SAME_VALUE(our::EventChannelState::Closed, EVTCHNSTAT_closed);
    EXPECT_SAME_VALUE(our::EventChannelState::Unbound, EVTCHNSTAT_unbound);
    EXPECT_SAME_VALUE(our::EventChannelState::Interdomain, EVTCHNSTAT_interdomain);
    EXPECT_SAME_VALUE(our::EventChannelState::Pirq, EVTCHNSTAT_pirq);
    EXPECT_SAME_VALUE(our::EventChannelState::Virq, EVTCHNSTAT_virq);
    EXPECT_SAME_VALUE(our::EventChannelState::Ipi, EVTCHNSTAT_ipi);
}

TEST(XenEventChannel, Structures) {
    EXPECT_EQ(our::kEventChannelCompatArgument, offsetof(evtchn_op, u));
    EXPECT_SAME_SIZE(our::EventChannelBindInterdomain, evtchn_bind_interdomain);
    EXPECT_SAME_OFFSET(our::EventChannelBindInterdomain, remote_domid, evtchn_bind_interdomain, remote_dom);
    EXPECT_SAME_OFFSET(our::EventChannelBindInterdomain, remote_port, evtchn_bind_interdomain, remote_port);
    EXPECT_SAME_OFFSET(our::EventChannelBindInterdomain, local_port, evtchn_bind_interdomain, local_port);
    EXPECT_SAME_SIZE(our::EventChannelBindVirq, evtchn_bind_virq);
    EXPECT_SAME_OFFSET(our::EventChannelBindVirq, virq, evtchn_bind_virq, virq);
    EXPECT_SAME_OFFSET(our::EventChannelBindVirq, vcpu, evtchn_bind_virq, vcpu);
    EXPECT_SAME_OFFSET(our::EventChannelBindVirq, port, evtchn_bind_virq, port);
    EXPECT_SAME_SIZE(our::EventChannelBindPirq, evtchn_bind_pirq);
    EXPECT_SAME_OFFSET(our::EventChannelBindPirq, pirq, evtchn_bind_pirq, pirq);
    EXPECT_SAME_OFFSET(our::EventChannelBindPirq, flags, evtchn_bind_pirq, flags);
    EXPECT_SAME_OFFSET(our::EventChannelBindPirq, port, evtchn_bind_pirq, port);
    EXPECT_SAME_SIZE(our::EventChannelClose, evtchn_close);
    EXPECT_SAME_OFFSET(our::EventChannelClose, port, evtchn_close, port);
    EXPECT_SAME_SIZE(our::EventChannelSend, evtchn_send);
    EXPECT_SAME_OFFSET(our::EventChannelSend, port, evtchn_send, port);
    EXPECT_SAME_SIZE(our::EventChannelStatus, evtchn_status);
    EXPECT_SAME_OFFSET(our::EventChannelStatus, domid, evtchn_status, dom);
    EXPECT_SAME_OFFSET(our::EventChannelStatus, port, evtchn_status, port);
    EXPECT_SAME_OFFSET(our::EventChannelStatus, status, evtchn_status, status);
    EXPECT_SAME_OFFSET(our::EventChannelStatus, vcpu, evtchn_status, vcpu);
    EXPECT_SAME_OFFSET(our::EventChannelStatus, u.unbound.domid, evtchn_status, u.unbound.dom);
    EXPECT_SAME_OFFSET(our::EventChannelStatus, u.interdomain.domid, evtchn_status, u.interdomain.dom);
    EXPECT_SAME_OFFSET(our::EventChannelStatus, u.interdomain.port, evtchn_status, u.interdomain.port);
    EXPECT_SAME_OFFSET(our::EventChannelStatus, u.pirq, evtchn_status, u.pirq);
    EXPECT_SAME_OFFSET(our::EventChannelStatus, u.virq, evtchn_status, u.virq);
    EXPECT_SAME_SIZE(our::EventChannelAllocUnbound, evtchn_alloc_unbound);
    EXPECT_SAME_OFFSET(our::EventChannelAllocUnbound, domid, evtchn_alloc_unbound, dom);
    EXPECT_SAME_OFFSET(our::EventChannelAllocUnbound, remote_domid, evtchn_alloc_unbound, remote_dom);
    EXPECT_SAME_OFFSET(our::EventChannelAllocUnbound, port, evtchn_alloc_unbound, port);
    EXPECT_SAME_SIZE(our::EventChannelBindIpi, evtchn_bind_ipi);
    EXPECT_SAME_OFFSET(our::EventChannelBindIpi, vcpu, evtchn_bind_ipi, vcpu);
    EXPECT_SAME_OFFSET(our::EventChannelBindIpi, port, evtchn_bind_ipi, port);
    EXPECT_SAME_SIZE(our::EventChannelBindVcpu, evtchn_bind_vcpu);
    EXPECT_SAME_OFFSET(our::EventChannelBindVcpu, port, evtchn_bind_vcpu, port);
    EXPECT_SAME_OFFSET(our::EventChannelBindVcpu, vcpu, evtchn_bind_vcpu, vcpu);
    EXPECT_SAME_SIZE(our::EventChannelUnmask, evtchn_unmask);
    EXPECT_SAME_OFFSET(our::EventChannelUnmask, port, evtchn_unmask, port);
    EXPECT_SAME_SIZE(our::EventChannelReset, evtchn_reset);
    EXPECT_SAME_OFFSET(our::EventChannelReset, domid, evtchn_reset, dom);
    EXPECT_SAME_SIZE(our::EventChannelInitControl, evtchn_init_control);
    EXPECT_SAME_OFFSET(our::EventChannelInitControl, control_gfn, evtchn_init_control, control_gfn);
    EXPECT_SAME_OFFSET(our::EventChannelInitControl, offset, evtchn_init_control, offset);
    EXPECT_SAME_OFFSET(our::EventChannelInitControl, vcpu, evtchn_init_control, vcpu);
    EXPECT_SAME_OFFSET(our::EventChannelInitControl, link_bits, evtchn_init_control, link_bits);
    EXPECT_SAME_SIZE(our::EventChannelExpandArray, evtchn_expand_array);
    EXPECT_SAME_OFFSET(our::EventChannelExpandArray, array_gfn, evtchn_expand_array, array_gfn);
    EXPECT_SAME_SIZE(our::EventChannelSetPriority, evtchn_set_priority);
    EXPECT_SAME_OFFSET(our::EventChannelSetPriority, port, evtchn_set_priority, port);
    EXPECT_SAME_OFFSET(our::EventChannelSetPriority, priority, evtchn_set_priority, priority);
    EXPECT_SAME_SIZE(our::FifoControlBlock, evtchn_fifo_control_block);
    EXPECT_SAME_OFFSET(our::FifoControlBlock, ready, evtchn_fifo_control_block, ready);
    EXPECT_SAME_OFFSET(our::FifoControlBlock, head, evtchn_fifo_control_block, head);
}

TEST(XenEventChannel, Constants) {
    EXPECT_SAME_VALUE(our::kBindPirqWillShare, BIND_PIRQ__WILL_SHARE);
    EXPECT_SAME_VALUE(our::kTwoLevelPorts, EVTCHN_2L_NR_CHANNELS);
    EXPECT_SAME_VALUE(our::kFifoPriorityMax, EVTCHN_FIFO_PRIORITY_MAX);
    EXPECT_SAME_VALUE(our::kFifoPriorityDefault, EVTCHN_FIFO_PRIORITY_DEFAULT);
    EXPECT_SAME_VALUE(our::kFifoPriorityMin, EVTCHN_FIFO_PRIORITY_MIN);
    EXPECT_SAME_VALUE(our::kFifoQueues, EVTCHN_FIFO_MAX_QUEUES);
    EXPECT_SAME_VALUE(our::kFifoPendingBit, EVTCHN_FIFO_PENDING);
    EXPECT_SAME_VALUE(our::kFifoMaskedBit, EVTCHN_FIFO_MASKED);
    EXPECT_SAME_VALUE(our::kFifoLinkedBit, EVTCHN_FIFO_LINKED);
    EXPECT_SAME_VALUE(our::kFifoBusyBit, EVTCHN_FIFO_BUSY);
    EXPECT_SAME_VALUE(our::kFifoLinkBits, EVTCHN_FIFO_LINK_BITS);
    EXPECT_SAME_VALUE(our::kFifoLinkMask, EVTCHN_FIFO_LINK_MASK);
    EXPECT_SAME_VALUE(our::kFifoPorts, EVTCHN_FIFO_NR_CHANNELS);
    EXPECT_SAME_VALUE(our::kFifoWordsPerPage, 4096 / sizeof(event_word_t));
}
