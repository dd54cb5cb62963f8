// A domain: the unit of ownership and of isolation.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/abi/control/control.hpp"
#include "hv/abi/control/domain.hpp"
#include "hv/abi/xen/types.hpp"
#include "hv/base/bitmap.hpp"
#include "hv/base/list.hpp"
#include "hv/base/nospec.hpp"
#include "hv/base/result.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/domain/grant/table.hpp"
#include "hv/domain/shared_page.hpp"
#include "hv/domain/vcpu.hpp"
#include "hv/domain/watchdog.hpp"
#include "hv/memory/heap.hpp"

namespace hv {

inline constexpr DomainId kDomainSelf{abi::control::kDomainSelf};  // names the caller, in arguments of calls

inline constexpr std::uint32_t kNoShutdownAnnounced = ~std::uint32_t{0};

enum class Dying : std::uint8_t { Alive, Dying, Dead };

class GuestKind;

class Domain final {
  public:
    static constexpr std::size_t kUuidBytes = 16;

    // Makes an empty, paused domain with `max_vcpus` offline vCPUs and publishes it. Id kDomainAny picks a free one.
    static Result<Domain*> create(const abi::control::CreateDomain& config, bool privileged);

    Domain(DomainId number, const abi::control::CreateDomain& config, bool privileged);
    ~Domain();
    Domain(const Domain&) = delete;
    Domain& operator=(const Domain&) = delete;

    const DomainId id;
    const bool privileged;
    const abi::control::DomainType type;
    const GuestKind& kind;     // of that type (guest_kind.hpp)
    const bool linear_tables;  // page tables may name others of their level
    Nanoseconds created_at = 0;

    // Life cycle.
    std::atomic<std::uint32_t> references{1};  // held by the domain list and by DomainRef
    std::atomic<Dying> dying{Dying::Alive};
    Spinlock lock{LockRank::Domain};
    bool teardown_busy = false;  // destroy() is at work; under `lock`
    std::atomic<std::int32_t> pause_count{0};
    std::atomic<bool> paused_by_control{false};  // one of the pauses is the toolstack's
    std::atomic<bool> unstarted{true};
    std::atomic<bool> shut_down{false};                       // the guest has stopped...
    std::atomic<std::uint32_t> shutdown_reason{0};            // ...for this reason (abi SHUTDOWN_*)
    std::uint32_t announced_shutdown = kNoShutdownAnnounced;  // SCHEDOP_shutdown_code: the reason that will be (lock)

    std::atomic<std::uint64_t> vm_assist{0};  // what the guest asked for of it (bits of abi VmAssistType)

    void pause();  // counts; waits until no vCPU runs
    void pause_nosync();
    void unpause();
    // The guest stopped itself or broke: all its vCPUs stop, the reason is recorded, Dom0 gets VIRQ_DOM_EXC.
    void shutdown(std::uint32_t reason);
    // A guest that broke its own rules. Logs `why`; returns (the caller gives up the vCPU's work).
    void crash(const char* why);
    // Takes everything back that the domain has. Error::Restart: there is more to do; call again. Error::Again: all is
    // back but frames that other domains still map. The privileged domain and the caller's own are BadArgument.
    Result<> destroy();

    // vCPUs: all exist from creation on.
    const std::uint32_t max_vcpus;
    OwnPtr<Vcpu*[]> vcpus;
    Vcpu* vcpu(VcpuId number) const {
        return number.raw < max_vcpus ? vcpus[index_nospec(number, max_vcpus).raw] : nullptr;
    }
    AtomicCpuSet dirty_cpus;  // CPUs whose TLB may hold its entries

    // Memory.
    Spinlock frames_lock{LockRank::DomainFrames};
    std::uint32_t first_frame = 0;         // list through FrameInfo::next; 0 ends it
    std::uint32_t first_relinquished = 0;  // the same for frames that the dying domain has let go
    std::uint64_t frames = 0;              // owned and counted
    std::uint64_t max_frames;
    const std::uint64_t map_frames;    // what its memory map covers: max_frames when it was created
    std::uint64_t claimed_frames = 0;  // promised beyond `frames`
    std::uint64_t swap_frames = 0;     // what it owned when the first of `swaps` began
    std::uint32_t swaps = 0;           // FrameSwaps that live
    std::atomic<std::uint64_t> hv_bytes{0};

    // Its unfinished line on hv's console (guest_log.hpp).
    Spinlock log_lock{LockRank::Leaf};
    std::uint32_t log_length = 0;
    char log_line[80];

    SharedObject<abi::xen::SharedInfo> shared_info;

    abi::xen::VcpuInfo spare_vcpu_info{};  // of vCPUs that have not registered one yet

    EventChannels events;
    GrantTable grants;
    SchedDomain sched;
    Watchdogs watchdogs;
    x86::ArchDomain* arch = nullptr;  // owned by x86
    ListHook on_list;

    void copy_uuid(std::uint8_t (&into)[kUuidBytes]);
    void set_uuid(const std::uint8_t (&from)[kUuidBytes]);

  private:
    std::uint8_t uuid_[kUuidBytes];  // under `lock`
};

// Takes it apart; the last DomainRef does this.
void free_domain(Domain& domain);

// A counted reference to a domain.
class DomainRef {
  public:
    DomainRef() = default;
    explicit DomainRef(Domain* domain) : domain_{domain} {}  // takes over the caller's reference
    DomainRef(DomainRef&& other) noexcept : domain_{other.domain_} { other.domain_ = nullptr; }
    DomainRef& operator=(DomainRef&& other) noexcept {
        std::swap(domain_, other.domain_);
        return *this;
    }
    ~DomainRef();
    Domain* operator->() const { return domain_; }
    Domain& operator*() const { return *domain_; }
    explicit operator bool() const { return domain_ != nullptr; }

  private:
    Domain* domain_ = nullptr;
};

// Error::NoDomain when it does not exist or is dead; kDomainSelf means the current one.
Result<DomainRef> find_domain(DomainId id);
// The same, for targets that the caller must control: itself, or any when it is privileged (else NotPermitted).
Result<DomainRef> find_target_domain(DomainId id);

// The first domain with an id of at least `from`, or an empty reference: for walks over all domains.
DomainRef next_domain(DomainId from);
// Dom0; null before it exists.
Domain* privileged_domain();

// Raises a global VIRQ of Dom0's, if it exists and has bound it.
void notify_privileged_domain(std::uint32_t virq);

}  // namespace hv
