// Calls that make others.
#include <iterator>
#include <utility>

#include "hv/abi/control/control.hpp"
#include "hv/abi/xen/hypercall.hpp"
#include "hv/abi/xen/multicall.hpp"
#include "hv/hypercall/dispatch.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/x86/devices/machine_hypercalls.hpp"
#include "hv/x86/pv/hypercalls/guest_setup.hpp"
#include "hv/x86/pv/mmu/mmu_hypercalls.hpp"
#include "tests/fuzz/frames/world.hpp"

namespace fuzz {

using namespace hv::abi::xen;

namespace {

constexpr std::uint32_t number(HypercallId id) {
    return static_cast<std::uint32_t>(id);
}

constexpr hv::HypercallEntry kProcessors[] = {
    {number(HypercallId::MmuUpdate), "mmu_update", hv::x86::do_mmu_update, hv::kPvOnly},
    {number(HypercallId::SetGdt), "set_gdt", hv::x86::do_set_gdt, hv::kPvOnly},
    {number(HypercallId::UpdateDescriptor), "update_descriptor", hv::x86::do_update_descriptor, hv::kPvOnly},
    {number(HypercallId::UpdateVaMapping), "update_va_mapping", hv::x86::do_update_va_mapping, hv::kPvOnly},
    {number(HypercallId::UpdateVaMappingOtherdomain), "update_va_mapping_otherdomain",
     hv::x86::do_update_va_mapping_otherdomain, hv::kPvOnly},
    {number(HypercallId::MmuextOp), "mmuext_op", hv::x86::do_mmuext_op, hv::kPvOnly},
    {number(HypercallId::PhysdevOp), "physdev_op", hv::x86::do_physdev_op, hv::kPvOnly},
};

constexpr std::pair<hv::HypercallHandler, std::uint32_t> kOthers[] = {
    {hv::do_memory_op, number(HypercallId::MemoryOp)},
    {hv::do_grant_table_op, number(HypercallId::GrantTableOp)},
    {hv::do_vcpu_op, number(HypercallId::VcpuOp)},
    {hv::do_event_channel_op, number(HypercallId::EventChannelOp)},
    {hv::do_control, hv::abi::control::kControlHypercall},
    {hv::do_multicall, number(HypercallId::Multicall)},
};

std::uint64_t number_of(hv::HypercallHandler handler) {
    static const bool registered = (hv::register_hypercalls(kProcessors, std::size(kProcessors)), true);
    static_cast<void>(registered);
    for (const hv::HypercallEntry& entry : kProcessors)
        if (entry.handler == handler) return entry.number;
    for (const auto& [other, number] : kOthers)
        if (other == handler) return number;
    return hv::kHypercallSlots;
}

}  // namespace

void make_listed(World& world, hv::Vcpu& vcpu, unsigned tries, std::vector<Listed> list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
        MulticallEntry& entry = world.at<MulticallEntry>(i * sizeof(MulticallEntry));
        entry = {.op = number_of(list[i].handler), .result = ~std::uint64_t{0}, .args = {}};
        std::memcpy(entry.args, list[i].arguments.value, sizeof entry.args);
        world.tell("  entry {} makes call {}", i, entry.op);
    }
    const std::uint64_t count = list.size();
    world.call(vcpu, hv::do_multicall, {{world.argument(), count, 0, 0, 0, 0}}, tries,
               [&world, list = std::move(list)](std::int64_t) {
                   const std::size_t first = World::part;
                   for (std::size_t i = 0; i < list.size(); ++i) {
                       World::part = first;
                       const auto result =
                           static_cast<std::int64_t>(world.at<MulticallEntry>(i * sizeof(MulticallEntry)).result);
                       world.tell("  entry {} gave {}", i, result);
                       World::part = list[i].part;
                       if (list[i].afterwards) list[i].afterwards(result);
                   }
                   World::part = first;
               });
}

}  // namespace fuzz
