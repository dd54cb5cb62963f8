// hv's control hypercall, typed: one function per operation of hv/abi/control, which also explains the records.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hv/abi/control/console.hpp"
#include "hv/abi/control/control.hpp"
#include "hv/abi/control/domain.hpp"
#include "hv/abi/control/host.hpp"
#include "hv/abi/control/memory.hpp"
#include "hv/abi/control/sched.hpp"
#include "hv/abi/control/vcpu.hpp"
#include "hvctl/hypercall.hpp"
#include "hvctl/types.hpp"
#include "hvctl/vcpu_state.hpp"

namespace hvctl {

namespace abi = hv::abi::control;

using Uuid = std::array<std::uint8_t, 16>;

struct HvVersion {
    std::uint32_t interface_version = 0;
    std::string name;     // "hv"
    std::string version;  // "0.1.0"
};

struct PerfCounter {
    std::string name;
    std::uint64_t value = 0;
};

struct ConsoleText {
    std::string text;
    // Of the first byte of `text`; beyond what was asked for when that has been overwritten.
    std::uint64_t position = 0;
    std::uint64_t next = 0;  // what to ask for the next time
};

struct DomainLimits {
    std::uint64_t max_frames = 0;
    std::uint32_t max_vcpus = 1;
    // Zero stands for hv's default in all of these.
    std::uint32_t max_event_ports = 0;
    std::uint32_t max_grant_frames = 0;
    std::uint32_t max_maptrack_frames = 0;
    std::uint32_t max_grant_version = 0;
    // PV: page tables may name themselves and others of their level, read-only.
    bool linear_page_tables = false;
};

// A frame that a domain owns, and what the domain calls it.
struct OwnedFrame {
    Pfn pfn;
    Mfn mfn;
};

// Bit n of byte n/8 is physical CPU n. An empty one is left as it is (set) or not asked for.
using CpuBitmap = std::vector<std::uint8_t>;

struct VcpuCpus {
    CpuBitmap hard;
    CpuBitmap soft;
};

// Cheap to make and to pass by reference; the port must outlive it. Thread-safe as the port is.
class Control {
  public:
    explicit Control(HypercallPort& port) : port_{port} {}

    // host
    // The first call to make: NotOnHv when another hypervisor answers, NotSupported when hv's interface is too old.
    [[nodiscard]] Result<HvVersion> version() const;
    [[nodiscard]] Result<abi::GetHostInfo> host_info() const;
    [[nodiscard]] Result<std::vector<abi::CpuInfo>> cpu_info() const;
    [[nodiscard]] Result<std::string> read_text(abi::Text which) const;
    [[nodiscard]] Result<std::vector<PerfCounter>> perf_counters() const;

    // hv's console
    // At most `capacity` bytes of the log from `position` on; `clear` hides them from later readers that start at 0.
    [[nodiscard]] Result<ConsoleText> read_console(std::uint64_t position, std::size_t capacity, bool clear) const;
    [[nodiscard]] Result<void> send_debug_keys(std::string_view keys) const;

    // domains
    [[nodiscard]] Result<std::vector<abi::DomainInfo>> list_domains() const;
    [[nodiscard]] Result<abi::DomainInfo> domain(DomainId domain) const;
    // An empty, paused domain; `wanted` may be kDomainAny. Returns its id.
    [[nodiscard]] Result<DomainId> create_domain(DomainId wanted, abi::DomainType type, const Uuid& uuid,
                                                 const DomainLimits& limits) const;
    // One round: ErrorCode::TryAgain while other domains still hold references to its frames.
    [[nodiscard]] Result<void> destroy_domain(DomainId domain) const;
    [[nodiscard]] Result<void> pause_domain(DomainId domain) const;
    [[nodiscard]] Result<void> unpause_domain(DomainId domain) const;
    [[nodiscard]] Result<void> shutdown_domain(DomainId domain, abi::ShutdownReason reason) const;
    [[nodiscard]] Result<void> set_max_memory(DomainId domain, std::uint64_t frames) const;
    [[nodiscard]] Result<void> set_claim(DomainId domain, std::uint64_t frames) const;
    [[nodiscard]] Result<void> init_hypercall_page(DomainId domain, Mfn frame) const;
    // Of a domain that has shut down.
    [[nodiscard]] Result<void> set_uuid(DomainId domain, const Uuid& uuid) const;
    [[nodiscard]] Result<void> seed_grants(DomainId domain, DomainId backend, Mfn console, Mfn store) const;

    // vCPUs
    // `context` is Xen's vcpu_guest_context, byte for byte.
    [[nodiscard]] Result<void> get_vcpu_context(DomainId domain, VcpuId vcpu, std::span<std::byte> context) const;
    [[nodiscard]] Result<void> set_vcpu_context(DomainId domain, VcpuId vcpu, std::span<const std::byte> context) const;
    // Of a vCPU that has a context, which is stopped meanwhile; not of the caller's own domain.
    [[nodiscard]] Result<VcpuState> vcpu_state(DomainId domain, VcpuId vcpu) const;
    [[nodiscard]] Result<abi::GetVcpuInfo> vcpu_info(DomainId domain, VcpuId vcpu) const;
    // Bitmaps of `cpus` bits.
    [[nodiscard]] Result<VcpuCpus> vcpu_affinity(DomainId domain, VcpuId vcpu, std::uint32_t cpus) const;
    // Both bitmaps, where not empty, must have the same size.
    [[nodiscard]] Result<void> set_vcpu_affinity(DomainId domain, VcpuId vcpu, const VcpuCpus& cpus) const;

    // memory
    // Copies between `data` and the area that `frames` make up, from byte `offset` of it on. Needs no mapping and works
    // on every frame that is neither a page table nor a descriptor table.
    [[nodiscard]] Result<void> copy_to_domain(DomainId domain, std::span<const Mfn> frames, std::uint64_t offset,
                                              std::span<const std::byte> data) const;
    [[nodiscard]] Result<void> copy_from_domain(DomainId domain, std::span<const Mfn> frames, std::uint64_t offset,
                                                std::span<std::byte> data) const;
    [[nodiscard]] Result<void> zero_memory(DomainId domain, std::span<const Mfn> frames, std::uint64_t offset,
                                           std::uint64_t length) const;
    // FrameType values, with kFramePinned.
    [[nodiscard]] Result<std::vector<std::uint32_t>> frame_types(DomainId domain, std::span<const Mfn> frames) const;
    // Every frame of a paused domain, in no particular order.
    [[nodiscard]] Result<std::vector<Mfn>> frame_list(DomainId domain) const;
    // The same with the domain's own numbers, which are a guest's word. NotSupported: hv is too old.
    [[nodiscard]] Result<std::vector<OwnedFrame>> owned_frames(DomainId domain) const;

    // scheduler
    [[nodiscard]] Result<abi::SchedParameters> sched_parameters(DomainId domain) const;
    // `parameters.domain` says whose.
    [[nodiscard]] Result<void> set_sched_parameters(const abi::SchedParameters& parameters) const;

    [[nodiscard]] HypercallPort& port() const { return port_; }

  private:
    HypercallPort& port_;
};

}  // namespace hvctl
