// HypercallId::EventChannelOp(command, argument) and the two ways in which ports become pending: two-level (bits in
// the shared page) and FIFO (queues per vCPU and priority in pages that the guest gives).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

enum class EventChannelCommand : std::uint32_t {
    BindInterdomain = 0,
    BindVirq = 1,
    BindPirq = 2,
    Close = 3,
    Send = 4,
    Status = 5,
    AllocUnbound = 6,
    BindIpi = 7,
    BindVcpu = 8,
    Unmask = 9,
    Reset = 10,
    InitControl = 11,
    ExpandArray = 12,
    SetPriority = 13,
};

// HypercallId::EventChannelOpCompat(where): the command at +0 and its structure after it; only up to Unmask.
inline constexpr std::uint64_t kEventChannelCompatArgument = 4;

struct EventChannelBindInterdomain {
    std::uint16_t remote_domid;  // +0   in
    std::uint16_t pad;           // +2
    std::uint32_t remote_port;   // +4   in
    std::uint32_t local_port;    // +8   out
};
static_assert(sizeof(EventChannelBindInterdomain) == 12);

struct EventChannelBindVirq {
    std::uint32_t virq;  // +0   in: Virq
    std::uint32_t vcpu;  // +4   in
    std::uint32_t port;  // +8   out
};
static_assert(sizeof(EventChannelBindVirq) == 12);

struct EventChannelBindPirq {
    std::uint32_t pirq;   // +0   in
    std::uint32_t flags;  // +4   in: kBindPirqWillShare
    std::uint32_t port;   // +8   out
};
static_assert(sizeof(EventChannelBindPirq) == 12);
inline constexpr std::uint32_t kBindPirqWillShare = 1;

struct EventChannelClose {
    std::uint32_t port;  // +0   in
};
static_assert(sizeof(EventChannelClose) == 4);

struct EventChannelSend {
    std::uint32_t port;  // +0   in
};
static_assert(sizeof(EventChannelSend) == 4);

enum class EventChannelState : std::uint32_t { Closed = 0, Unbound = 1, Interdomain = 2, Pirq = 3, Virq = 4, Ipi = 5 };

struct EventChannelStatus {
    std::uint16_t domid;   // +0   in
    std::uint16_t pad;     // +2
    std::uint32_t port;    // +4   in
    std::uint32_t status;  // +8   out: EventChannelState
    std::uint32_t vcpu;    // +12  out
    union {
        struct {
            std::uint16_t domid;  // +16
        } unbound;
        struct {
            std::uint16_t domid;  // +16
            std::uint16_t pad;    // +18
            std::uint32_t port;   // +20
        } interdomain;
        std::uint32_t pirq;  // +16
        std::uint32_t virq;  // +16
    } u;                     // +16
};
static_assert(sizeof(EventChannelStatus) == 24);

struct EventChannelAllocUnbound {
    std::uint16_t domid;         // +0   in
    std::uint16_t remote_domid;  // +2   in
    std::uint32_t port;          // +4   out
};
static_assert(sizeof(EventChannelAllocUnbound) == 8);

struct EventChannelBindIpi {
    std::uint32_t vcpu;  // +0   in
    std::uint32_t port;  // +4   out
};
static_assert(sizeof(EventChannelBindIpi) == 8);

struct EventChannelBindVcpu {
    std::uint32_t port;  // +0   in
    std::uint32_t vcpu;  // +4   in
};
static_assert(sizeof(EventChannelBindVcpu) == 8);

struct EventChannelUnmask {
    std::uint32_t port;  // +0   in
};
static_assert(sizeof(EventChannelUnmask) == 4);

struct EventChannelReset {
    std::uint16_t domid;  // +0   in
};
static_assert(sizeof(EventChannelReset) == 2);

struct EventChannelInitControl {
    std::uint64_t control_gfn;  // +0   in: frame of the control block (for PV a machine frame)
    std::uint32_t offset;       // +8   in: of the block within the frame, a multiple of 8
    std::uint32_t vcpu;         // +12  in
    std::uint8_t link_bits;     // +16  out: kFifoLinkBits
    std::uint8_t pad[7];        // +17
};
static_assert(sizeof(EventChannelInitControl) == 24);

struct EventChannelExpandArray {
    std::uint64_t array_gfn;  // +0   in
};
static_assert(sizeof(EventChannelExpandArray) == 8);

struct EventChannelSetPriority {
    std::uint32_t port;      // +0   in
    std::uint32_t priority;  // +4   in: kFifoPriority*
};
static_assert(sizeof(EventChannelSetPriority) == 8);

// Two-level.
inline constexpr std::uint32_t kTwoLevelPorts = 4096;

// FIFO. An event word holds the four flags and the link to the next port in the queue.
inline constexpr std::uint32_t kFifoPriorityMax = 0;  // most urgent
inline constexpr std::uint32_t kFifoPriorityDefault = 7;
inline constexpr std::uint32_t kFifoPriorityMin = 15;
inline constexpr std::uint32_t kFifoQueues = 16;
inline constexpr std::uint32_t kFifoPendingBit = 31;
inline constexpr std::uint32_t kFifoMaskedBit = 30;
inline constexpr std::uint32_t kFifoLinkedBit = 29;
inline constexpr std::uint32_t kFifoBusyBit = 28;
inline constexpr std::uint32_t kFifoLinkBits = 17;
inline constexpr std::uint32_t kFifoLinkMask = (1u << kFifoLinkBits) - 1;
inline constexpr std::uint32_t kFifoPorts = 1u << kFifoLinkBits;
inline constexpr std::uint32_t kFifoWordsPerPage = 4096 / 4;

struct FifoControlBlock {
    std::uint32_t ready;              // +0   bit per queue that holds something
    std::uint32_t reserved;           // +4
    std::uint32_t head[kFifoQueues];  // +8   first port of each queue
};
static_assert(sizeof(FifoControlBlock) == 72 && offsetof(FifoControlBlock, head) == 8);

}  // namespace hv::abi::xen
