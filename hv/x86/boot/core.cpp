// From a machine that is up to Dom0: hv's memory, the CPUs' readiness for guests, and the first domain.
#include <algorithm>

#include "hv/abi/xen/layout.hpp"
#include "hv/base/build_info.hpp"
#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/idle_domain.hpp"
#include "hv/machine/memory_map.hpp"
#include "hv/machine/power.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/heap.hpp"
#include "hv/x86/boot/boot_info.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/boot/core_seam.hpp"
#include "hv/x86/boot/early_memory.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/devices/guest_console.hpp"
#include "hv/x86/devices/machine_hypercalls.hpp"
#include "hv/x86/devices/reserved_devices.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/paging/layout.hpp"
#include "hv/x86/panic/reboot.hpp"
#include "hv/x86/smp/ipi.hpp"
#include "hv/x86/traps/masked_time.hpp"
#include "hv/x86/vcpu/audit_key.hpp"
#include "hv/x86/vcpu/context_switch.hpp"
#include "hv/x86/vcpu/debug_keys.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"
#include "hv/x86/vcpu/idle.hpp"
#include "hv/x86/vcpu/trap_counters.hpp"

namespace hv {
namespace x86 {
namespace {

constexpr std::uint64_t kFrameTableChunkBytes = kFramesPerChunk * sizeof(FrameInfo);
constexpr std::uint64_t kM2pChunkBytes = kFramesPerChunk * sizeof(std::uint64_t);
constexpr std::uint64_t kFirstMiB = 0x10'0000;

// Set when everything that a CPU needs to run guests exists.
constinit std::atomic<bool> g_core_ready{false};

bool chunk_has_ram(std::uint64_t chunk) {
    const std::uint64_t start = chunk << (kChunkShift + kPageShift), end = (chunk + 1) << (kChunkShift + kPageShift);
    for (const MemoryMapEntry& entry : machine_memory_map())
        if (entry.type == MemoryType::Ram && entry.start < end && entry.end() > start) return true;
    return false;
}

void map_or_panic(std::uint64_t virtual_address, std::uint64_t physical, std::uint64_t size, std::uint32_t flags) {
    if (!map_hv(virtual_address, physical, size, flags)) panic("no memory for the frame table");
}

void build_chunk(std::uint64_t chunk) {
    const std::uint64_t frames = allocate_early(kFrameTableChunkBytes);
    map_or_panic(kFrameTableBase + chunk * kFrameTableChunkBytes, frames, kFrameTableChunkBytes, kMapWritable);
    const std::uint64_t entries = allocate_early(kM2pChunkBytes);
    map_or_panic(kM2pBase + chunk * kM2pChunkBytes, entries, kM2pChunkBytes, kMapWritable);
    map_or_panic(kM2pReadOnlyBase + chunk * kM2pChunkBytes, entries, kM2pChunkBytes, kMapUser | kMapNotGlobal);
    populate_chunk(chunk);
}

std::uint64_t count_ram() {
    std::uint64_t frames = 0;
    for (const MemoryMapEntry& entry : machine_memory_map())
        if (entry.type == MemoryType::Ram) frames += entry.size >> kPageShift;
    return frames;
}

// On each CPU.
void ready_for_guests() {
    PerCpu& cpu = per_cpu();
    for (const GuestKind* kind : guest_kinds()) kind->prepare_cpu(cpu.id);
    start_scheduling(cpu.id);
}

}  // namespace

void take_over_memory() {
    const std::uint64_t last = (end_of_ram() + kPageSize - 1) >> kPageShift;
    set_frame_tables({.frames = reinterpret_cast<FrameInfo*>(kFrameTableBase),
                      .m2p = reinterpret_cast<std::uint64_t*>(kM2pBase),
                      .direct_map = kDirectMapBase,
                      .max_mfn = last});
    set_machine_frames(count_ram());
    for (std::uint64_t chunk = 0; chunk << kChunkShift < last; ++chunk)
        if (chunk_has_ram(chunk)) build_chunk(chunk);
    // RAM that is not free is hv's: no guest may map it as if it were a device. The first MiB stays like one: hv gives
    // none of it away, and Dom0's kernel looks there for what the firmware has left.
    for (const MemoryMapEntry& entry : machine_memory_map()) {
        if (entry.type != MemoryType::Ram) continue;
        for (std::uint64_t mfn = std::max(entry.start, kFirstMiB) >> kPageShift; mfn < entry.end() >> kPageShift; ++mfn)
            frame_info(Mfn{mfn}).count.store(FrameInfo::owner_bits(kOwnerHv), std::memory_order_relaxed);
    }
    for (const MemoryRange& range : take_remaining_memory())
        allocator_add(Mfn{range.start >> kPageShift}, Mfn{range.end >> kPageShift});
    set_table_page_source([] { return allocate_page(); });
}

void start_core() {
    set_command_line(boot_info().command_line);
    const std::uint32_t cpus = present_cpus();
    if (!create_idle_domain(cpus)) panic("no memory for the idle vCPUs");
    for (const GuestKind* kind : guest_kinds()) kind->prepare();
    reserve_devices();
    register_machine_hypercalls();
    register_domain_debug_keys();
    if (boot_options().measure_interrupts_off) measure_masked_time();
    prepare_audits();
    connect_guest_console();
    ready_for_guests();
    g_core_ready.store(true, std::memory_order_release);
    build_dom0();
    run_idle_loop();
}

void idle_loop() {
    while (!g_core_ready.load(std::memory_order_acquire)) {
        answer_requests();
        pause();
    }
    ready_for_guests();
    run_idle_loop();
}

}  // namespace x86

bool machine_memory_map(std::uint32_t index, abi::xen::E820Entry& entry) {
    const x86::MemoryMap& map = x86::machine_memory_map();
    if (index >= map.size()) return false;
    entry = {map[index].start, map[index].size, static_cast<std::uint32_t>(map[index].type)};
    return true;
}

abi::xen::MachphysMapping machphys_mapping() {
    return {abi::xen::kMachineToPhysStart, abi::xen::kMachineToPhysEnd, max_mfn() - 1};
}

bool machphys_frame(std::uint32_t index, std::uint64_t& mfn) {
    constexpr std::uint64_t kPiece = 2 * 1024 * 1024;
    if (index * kPiece / sizeof(std::uint64_t) >= max_mfn()) return false;
    std::uint64_t physical = 0;
    mfn = x86::translate_hv(x86::kM2pBase + index * kPiece, physical) ? physical >> kPageShift : 0;
    return true;
}

void privileged_domain_stopped(std::uint32_t reason) {
    info("Dom0 has ended (reason {})", reason);
    x86::dump_masked_times();
    x86::audit_and_log();
    using abi::control::ShutdownReason;
    if (reason == static_cast<std::uint32_t>(ShutdownReason::Reboot) || !x86::boot_options().no_reboot)
        x86::machine_reboot();
    x86::machine_halt();
}

}  // namespace hv
