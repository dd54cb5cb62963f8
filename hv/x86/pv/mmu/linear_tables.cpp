#include "hv/x86/pv/mmu/linear_tables.hpp"

#include <limits>

#include "hv/domain/domain.hpp"
#include "hv/x86/pv/mmu/tlb.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

using Count = std::int16_t;

// One more in the direction of `step`. False when the table has the other role, or too many have this one.
bool count_linear(FrameInfo& info, Count step) {
    Count count = info.linear.load(std::memory_order_relaxed);
    do {
        if (count != 0 && (count > 0) != (step > 0)) return false;
        if (count == std::numeric_limits<Count>::max()) return false;
    } while (!info.linear.compare_exchange_weak(count, static_cast<Count>(count + step), std::memory_order_acq_rel));
    return true;
}

void uncount(FrameInfo& table, FrameInfo& target) {
    target.linear.fetch_sub(1, std::memory_order_acq_rel);
    table.linear.fetch_add(1, std::memory_order_acq_rel);
}

// A table that is valid now. Nothing is validated for this, so nothing nests.
bool join(FrameInfo& info, unsigned level) {
    std::uint64_t word = info.type.load(std::memory_order_acquire);
    do {
        const std::uint64_t count = word & FrameInfo::kTypeCountMask;
        const auto type = static_cast<unsigned>((word & FrameInfo::kTypeMask) >> FrameInfo::kTypeShift);
        if (type != level || count == 0 || count == FrameInfo::kTypeCountMask || !(word & FrameInfo::kValidated))
            return false;
    } while (!info.type.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel));
    return true;
}

}  // namespace

Result<> get_linear(FrameInfo& table, FrameInfo& target, unsigned level) {
    if (!count_linear(table, -1)) return fail(Error::BadArgument);
    if (!count_linear(target, 1)) {
        table.linear.fetch_add(1, std::memory_order_acq_rel);
        return fail(Error::BadArgument);
    }
    if (join(target, level)) return {};
    uncount(table, target);
    return fail(Error::BadArgument);
}

Result<> put_linear(FrameInfo& table, FrameInfo& target) {
    // The role stays until the table is not one any more: it cannot get entries of this kind meanwhile.
    const Result<> put = put_frame_type_preemptible(target);
    uncount(table, target);
    return put;
}

void hide_slot(Domain& domain, unsigned index) {
    LinearSlots& slots = pv(domain).linear_slots;
    std::atomic<std::uint64_t>& word = slots.words[index / 64];
    const std::uint64_t bit = std::uint64_t{1} << (index % 64);
    std::atomic<std::uint64_t>& settled = slots.settled[index / 64];
    // The bit alone is not enough: the CPU that set it first may still be waiting for the flush.
    if (settled.load(std::memory_order_acquire) & bit) return;
    word.fetch_or(bit, std::memory_order_seq_cst);
    // No CPU answers between its look at the slots and the end of its copy.
    flush_cpus(cpus_of(domain));
    settled.fetch_or(bit, std::memory_order_release);
}

[[gnu::cold]] bool slots_hide(const LinearSlots& slots, GuestVirtual address, std::size_t bytes) {
    const unsigned last = index_in(4, address.raw + (bytes == 0 ? 0 : bytes - 1));
    for (unsigned index = index_in(4, address.raw); index <= last; ++index)
        if ((slots.words[index / 64].load(std::memory_order_relaxed) >> (index % 64)) & 1) return true;
    return false;
}

}  // namespace hv::x86
