#include "tests/unit/fakes/processor.hpp"

#include <atomic>

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/machine/tlb.hpp"
#include "hv/memory/heap.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/pv/descriptors/descriptor_windows.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/hv_slots.hpp"
#include "hv/x86/pv/mmu/tlb.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/vcpu/context_switch.hpp"
#include "hv/x86/vcpu/fpu.hpp"
#include "hv/x86/vcpu/guest_clock.hpp"
#include "tests/unit/fakes/interleave.hpp"

namespace fake {
namespace {

std::atomic<std::uint32_t> g_clock{1};
std::atomic<std::uint32_t> g_last_stamp{0};
std::atomic<std::uint64_t> g_flushes{0};
hv::x86::TableMeasures g_table_measures;
std::function<void()> g_on_clock;
std::function<void()> g_on_flush;
std::function<void()> g_on_cache_flush;

// A hook that does something which asks for the hook again is not asked again.
void call(std::function<void()>& hook) {
    if (!hook) return;
    const std::function<void()> now = std::exchange(hook, nullptr);
    now();
}

}  // namespace

void when_clock_is_read(std::function<void()> hook) {
    g_on_clock = std::move(hook);
}
void when_flushed(std::function<void()> hook) {
    g_on_flush = std::move(hook);
}
void when_cache_flushed(std::function<void()> hook) {
    g_on_cache_flush = std::move(hook);
}
void guard_tables(hv::x86::TableMeasures measures) {
    g_table_measures = measures;
}
void advance_clock() {
    ++g_clock;
}
std::uint32_t last_flush_stamp() {
    return g_last_stamp;
}
std::uint64_t flushes() {
    return g_flushes;
}

}  // namespace fake

namespace hv {

std::uint32_t tlb_clock() {
    fake::meeting_point(false);
    const std::uint32_t now = fake::g_clock;
    fake::call(fake::g_on_clock);
    return now;
}

bool flush_stale_tlbs(DomainId, std::uint32_t stamp) {
    fake::g_last_stamp = stamp;
    if (static_cast<std::int32_t>(fake::g_clock - stamp) > 0) return false;  // every CPU has flushed since
    ++fake::g_flushes;
    fake::meeting_point(false);
    fake::advance_clock();
    fake::meeting_point(false);
    fake::call(fake::g_on_flush);
    return true;
}

void flush_frame_from_caches(Mfn) {
    fake::call(fake::g_on_cache_flush);
}

namespace x86 {

const CpuModel& cpu_model() {
    static const CpuModel model = [] {
        CpuModel made;
        made.physical_bits = 40;
        return made;
    }();
    return model;
}

MachineAddress hv_page_table() {
    static const Mfn table = [] {
        auto* entries = static_cast<Pte*>(allocate_page());
        if (!entries) panic("no memory for hv's own page table");
        for (unsigned slot = kFirstHvSlot; slot <= kLastHvSlot; ++slot)
            entries[slot] = make_pte(Mfn{slot}, kPtePresent | kPteAccessed);
        return frame_of_pointer(entries);
    }();
    return address_of(table);
}

// A table that is loaded must be one: what the processor would find out in its own way.
void load_page_table(const Vcpu& vcpu) {
    const PvVcpu& arch = pv(vcpu);
    const FrameInfo* table = arch.kernel_mode ? arch.kernel_table : arch.user_table;
    HV_ASSERT(table && table->frame_type() == FrameType::L4 && (table->type.load() & FrameInfo::kValidated));
}

TableMeasures table_measures(const Domain&) {
    return fake::g_table_measures;
}

void flush_local() {}
void flush_local_page(GuestVirtual) {}
void flush_cpus(const CpuSet&) {}
void flush_cpus_page(const CpuSet&, GuestVirtual) {}
void flush_caches() {}
CpuSet cpus_of(const Domain& domain) {
    return domain.dirty_cpus.snapshot();
}
CpuSet cpus_of(const Domain& domain, const VcpuSet&) {
    return cpus_of(domain);
}

void show_in_window(unsigned, const FrameInfo*) {}
void load_descriptor_tables(Vcpu&) {}

Result<> create_fpu(Vcpu&) {
    return {};
}
void destroy_fpu(Vcpu&) {}
void update_wallclock(Domain&) {}

}  // namespace x86

const GuestKind* guest_kind(abi::control::DomainType type) {
    return type == abi::control::DomainType::Pv ? &x86::kPvGuest : nullptr;
}

}  // namespace hv
