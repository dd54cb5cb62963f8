// Flushes of the TLBs of this CPU and others, and the clock that tells which CPU has flushed since when: it saves the
// flushes of CPUs that have done one in the meantime.
#include <atomic>

#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/smp/ipi.hpp"
#include "hv/x86/smp/tlb_clock.hpp"

namespace hv::x86 {
namespace {

constinit std::atomic<std::uint32_t> tlb_time{1};

// The clock may wrap but stamps are compared by difference, so no CPU may fall behind by half its range: each time a
// 16th has gone by, all CPUs are asked to flush, idle ones too.
constexpr std::uint32_t kRoundUp = 1u << 28;

// To be read before the flush: a mapping that went away after this may be cached again by then.
std::uint32_t begin_flush() {
    const std::uint32_t stamp = tlb_time.fetch_add(1, std::memory_order_seq_cst) + 1;
    if (stamp % kRoundUp == 0) request_flush_everywhere();
    return stamp;
}

void end_flush(std::uint32_t stamp) {
    per_cpu().tlb_flushed_at.store(stamp, std::memory_order_release);
}

}  // namespace

void load_cr3(std::uint64_t cr3) {
    const std::uint32_t stamp = begin_flush();
    write_cr3(cr3);
    end_flush(stamp);
}

void flush_local_tlb() {
    load_cr3(read_cr3());
}

void flush_tlb(const CpuSet& cpus) {
    call_on_cpus(
        cpus, [](void*) { flush_local_tlb(); }, nullptr);
}

void flush_tlb_page(const CpuSet& cpus, std::uint64_t address) {
    call_on_cpus(
        cpus, [](void* page) { invalidate_page(*static_cast<const std::uint64_t*>(page)); }, &address);
}

std::uint32_t tlb_flushed_at(CpuId cpu) {
    return cpu_data(cpu).tlb_flushed_at.load(std::memory_order_acquire);
}

CpuSet stale_cpus(const CpuSet& cpus, std::uint32_t stamp) {
    CpuSet stale;
    for_each_bit(cpus, [&](CpuId cpu) {
        if (static_cast<std::int32_t>(tlb_flushed_at(cpu) - stamp) <= 0) stale.set(cpu);
    });
    return stale;
}

}  // namespace hv::x86

namespace hv {

std::uint32_t tlb_clock() {
    return x86::tlb_time.load(std::memory_order_seq_cst);
}

}  // namespace hv
