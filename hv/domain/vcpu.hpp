// A virtual processor: what every layer above the CPU shares. The machine's registers are in ArchVcpu (x86/).
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/abi/control/domain.hpp"
#include "hv/abi/xen/shared_info.hpp"
#include "hv/abi/xen/types.hpp"
#include "hv/abi/xen/vcpu.hpp"
#include "hv/base/bitmap.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/memory/frame.hpp"
#include "hv/sched/sched_vcpu.hpp"
#include "hv/time/timer_queue.hpp"

namespace hv {

class Domain;
namespace x86 {
struct ArchVcpu;
struct ArchDomain;
}  // namespace x86
struct FifoVcpu;  // domain/event/fifo.hpp

// Why a vCPU does not run; it is runnable while no bit is set and its domain is not paused.
enum VcpuFlag : std::uint32_t {
    kVcpuDown = 1u << 0,         // VCPUOP_down, or never brought up
    kVcpuBlocked = 1u << 1,      // SCHEDOP_block or poll
    kVcpuInitialised = 1u << 3,  // has a context (no reason not to run)
};

class Vcpu final {
  public:
    Vcpu(Domain& owner, VcpuId number);
    Vcpu(const Vcpu&) = delete;
    Vcpu& operator=(const Vcpu&) = delete;

    Domain& domain;
    const VcpuId id;
    const abi::control::DomainType type;  // its domain's, here for every way in and out
    x86::ArchVcpu* arch = nullptr;        // owned by x86

    // State.
    std::atomic<std::uint32_t> flags{kVcpuDown};
    std::atomic<std::int32_t> pause_count{0};
    std::atomic<bool> running{false};  // its registers are on a CPU (set by the scheduler, see sched.hpp)
    std::atomic<CpuId> cpu{};          // where it runs or last ran
    // Of the periodic timer, 0 when it is off; it stays while the vCPU does not run. Here, beside what every switch to
    // and from a vCPU looks at anyway.
    std::atomic<Nanoseconds> period{0};
    bool runnable() const;  // no reason against it, domain not paused
    // Lets it run again after a reason went away, and makes it look at its pending events soon: unblocks it, or, when
    // it was not blocked, interrupts the CPU that runs it, if that is another one.
    void kick();
    bool unblock();  // without interrupting; false: it was not blocked
    // SCHEDOP_block, and HLT of a PV kernel: lets events in, and stops the current vCPU until one is delivered to it,
    // unless one is deliverable already. Returns at once: the switch happens before the return to the guest.
    void block();
    // Stops scheduling it; counts. The form without "nosync" waits until its registers are saved.
    void pause();
    void pause_nosync();
    void unpause();
    void wait_until_out() const;  // one that was stopped: until its CPU has put it away; at once for the current one

    // Shared with the guest. Points into the shared info page, to the page registered with
    // VCPUOP_register_vcpu_info, or to a private dummy before either; never null.
    std::atomic<abi::xen::VcpuInfo*> info{nullptr};
    FrameInfo* info_frame = nullptr;  // holds a reference and the Writable type when registered

    // Events.
    FifoVcpu* fifo = nullptr;  // control block and queues, when the domain uses FIFO ports
    std::atomic<EventPort> virq_port[abi::xen::kVirqCount]{};  // port bound to each VIRQ, 0 when none
    std::atomic<EventPort> poll_port{};                        // 0: none, ~0: several

    // Run states (hv/domain/runstate.hpp).
    Spinlock runstate_lock{LockRank::Leaf};
    std::uint32_t runstate = 3;  // abi RUNSTATE_*; starts offline
    Nanoseconds runstate_entered = 0;
    std::uint64_t runstate_time[4]{};
    GuestVirtual runstate_area{0};  // registered by the guest, 0 when none

    // Timers (hv/domain/vcpu_timers.hpp).
    Timer singleshot_timer;
    Timer periodic_timer;
    Timer poll_timer;

    SchedVcpu sched;
};

}  // namespace hv
