#include "hv/hypercall/dispatch.hpp"

#include <array>
#include <atomic>

#include "hv/abi/control/control.hpp"
#include "hv/abi/xen/hypercall.hpp"
#include "hv/base/log.hpp"
#include "hv/base/nospec.hpp"
#include "hv/domain/vcpu.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/machine/cpus.hpp"

namespace hv {
namespace {

using abi::xen::HypercallId;

struct Slot {
    HypercallHandler handler = nullptr;
    const char* name = nullptr;
    HypercallCallers callers;  // none: there is no such call
};

constexpr std::uint32_t number_of(HypercallId id) {
    return static_cast<std::uint32_t>(id);
}

// What does not depend on the processor.
constexpr HypercallEntry kEntries[] = {
    {number_of(HypercallId::SchedOpCompat), "sched_op_compat", do_sched_op_compat, kPvOnly},
    {number_of(HypercallId::MemoryOp), "memory_op", do_memory_op, kEveryKind},
    {number_of(HypercallId::Multicall), "multicall", do_multicall, kEveryKind},
    {number_of(HypercallId::SetTimerOp), "set_timer_op", do_set_timer_op, kEveryKind},
    {number_of(HypercallId::EventChannelOpCompat), "event_channel_op_compat", do_event_channel_op_compat, kPvOnly},
    {number_of(HypercallId::XenVersion), "xen_version", do_xen_version, kEveryKind},
    {number_of(HypercallId::ConsoleIo), "console_io", do_console_io, kEveryKind},
    {number_of(HypercallId::GrantTableOp), "grant_table_op", do_grant_table_op, kEveryKind},
    {number_of(HypercallId::VcpuOp), "vcpu_op", do_vcpu_op, kEveryKind},
    {number_of(HypercallId::SchedOp), "sched_op", do_sched_op, kEveryKind},
    {number_of(HypercallId::EventChannelOp), "event_channel_op", do_event_channel_op, kEveryKind},
    {abi::control::kControlHypercall, "control", do_control, kEveryKind},
};

constexpr bool strictly_ascending() {
    for (std::size_t i = 1; i < std::size(kEntries); ++i)
        if (kEntries[i - 1].number >= kEntries[i].number) return false;
    return true;
}
static_assert(strictly_ascending());

constexpr std::array<Slot, kHypercallSlots> initial_table() {
    std::array<Slot, kHypercallSlots> table{};
    for (const HypercallEntry& entry : kEntries) table[entry.number] = {entry.handler, entry.name, entry.callers};
    return table;
}

constinit std::array<Slot, kHypercallSlots> g_table = initial_table();

// Per CPU, so that counting costs one increment of a line of its own.
struct alignas(64) Counters {
    std::array<std::uint64_t, kHypercallSlots> count{};
};
constinit std::array<Counters, kMaxCpus> g_counters{};

}  // namespace

[[gnu::hot]] HypercallResult dispatch_hypercall(std::uint32_t number, HypercallArguments& arguments) {
    if (number >= kHypercallSlots) return fail(Error::NotImplemented);
    number = index_nospec(number, kHypercallSlots);
    if (!g_table[number].callers.has(current_vcpu().type)) return fail(Error::NotImplemented);
    ++g_counters[current_cpu().raw].count[number];
    return g_table[number].handler(arguments);
}

const char* hypercall_name(std::uint32_t number) {
    return number < kHypercallSlots ? g_table[index_nospec(number, kHypercallSlots)].name : nullptr;
}

std::uint64_t hypercall_count(std::uint32_t number) {
    std::uint64_t sum = 0;
    for (const Counters& counters : g_counters) sum += counters.count[number];
    return sum;
}

void register_hypercalls(const HypercallEntry* entries, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        Slot& slot = g_table[entries[i].number];
        HV_ASSERT(slot.handler == nullptr);
        slot = {entries[i].handler, entries[i].name, entries[i].callers};
    }
}

}  // namespace hv
