#include "hv/x86/devices/machine_hypercalls.hpp"

#include <iterator>

#include "hv/abi/xen/hypercall.hpp"
#include "hv/hypercall/dispatch.hpp"

namespace hv::x86 {
namespace {

using abi::xen::HypercallId;

constexpr HypercallEntry kEntries[] = {
    {static_cast<std::uint32_t>(HypercallId::PlatformOp), "platform_op", do_platform_op, kEveryKind},
    {static_cast<std::uint32_t>(HypercallId::PhysdevOp), "physdev_op", do_physdev_op, kEveryKind},
    {static_cast<std::uint32_t>(HypercallId::Arch0), "machine_check_op", do_machine_check_op, kEveryKind},
};

}  // namespace

void register_machine_hypercalls() {
    register_hypercalls(kEntries, std::size(kEntries));
}

}  // namespace hv::x86
