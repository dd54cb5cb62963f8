#include "hvctl/xen_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hv/abi/xen/domain_id.hpp"
#include "hv/abi/xen/event_channel.hpp"
#include "hv/abi/xen/hypercall.hpp"
#include "hv/abi/xen/mmu.hpp"
#include "hv/abi/xen/version.hpp"
#include "hvctl/try.hpp"

namespace hvctl {

namespace xen = hv::abi::xen;

namespace {

constexpr std::size_t kUpdatesPerCall = 1024;

std::uint64_t number(xen::HypercallId id) {
    return static_cast<std::uint64_t>(id);
}

// A hypercall with a command and one structure, which is updated.
template <class Command, class Argument>
Result<std::int64_t> call(HypercallPort& port, xen::HypercallId id, Command command, Argument& argument,
                          std::string_view what) {
    const HypercallBuffer buffer = TRY(port.buffers().take(sizeof argument));
    std::memcpy(buffer.bytes().data(), &argument, sizeof argument);
    const std::int64_t result = port.call(number(id), static_cast<std::uint64_t>(command), buffer.address());
    std::memcpy(&argument, buffer.bytes().data(), sizeof argument);
    if (result >= 0) return result;
    return std::unexpected(hypercall_error(result, std::string{"cannot "}.append(what)));
}

Result<void> extended(HypercallPort& port, DomainId domain, xen::MmuextCommand command, Mfn frame,
                      std::string_view what) {
    const HypercallBuffer buffer = TRY(port.buffers().take(sizeof(xen::MmuextOp)));
    xen::MmuextOp operation{};
    operation.command = static_cast<std::uint32_t>(command);
    operation.arg1.mfn = frame.raw;
    std::memcpy(buffer.bytes().data(), &operation, sizeof operation);
    const std::int64_t result = port.call(number(xen::HypercallId::MmuextOp), buffer.address(), 1, 0, domain.raw);
    if (result >= 0) return {};
    return std::unexpected(
        hypercall_error(result, fmt::format("cannot {} frame {:#x} of domain {}", what, frame.raw, domain.raw)));
}

}  // namespace

Result<EventPort> XenCalls::alloc_unbound(DomainId domain, DomainId remote) const {
    xen::EventChannelAllocUnbound argument{domain.raw, remote.raw, 0};
    TRY(call(port_, xen::HypercallId::EventChannelOp, xen::EventChannelCommand::AllocUnbound, argument,
             fmt::format("allocate an event port in domain {} for domain {}", domain.raw, remote.raw)));
    return EventPort{argument.port};
}

Result<void> XenCalls::close_port(EventPort port) const {
    xen::EventChannelClose argument{port.raw};
    TRY(call(port_, xen::HypercallId::EventChannelOp, xen::EventChannelCommand::Close, argument,
             fmt::format("close event port {}", port.raw)));
    return {};
}

Result<void> XenCalls::pin_l4(DomainId domain, Mfn frame) const {
    return extended(port_, domain, xen::MmuextCommand::PinL4Table, frame, "pin the page tables under");
}

Result<void> XenCalls::unpin(DomainId domain, Mfn frame) const {
    return extended(port_, domain, xen::MmuextCommand::UnpinTable, frame, "unpin");
}

Result<void> XenCalls::update_machine_to_phys(DomainId domain, std::span<const MachineToPhys> updates) const {
    const HypercallBuffer buffer = TRY(port_.buffers().take(kUpdatesPerCall * sizeof(xen::MmuUpdate)));
    while (!updates.empty()) {
        const auto batch = updates.first(std::min(updates.size(), kUpdatesPerCall));
        std::ranges::transform(batch, buffer.as<xen::MmuUpdate>().begin(), [](const MachineToPhys& update) {
            return xen::MmuUpdate{
                update.mfn.raw << kPageShift | static_cast<std::uint64_t>(xen::MmuCommand::MachphysUpdate),
                update.pfn.raw};
        });
        const std::int64_t result =
            port_.call(number(xen::HypercallId::MmuUpdate), buffer.address(), batch.size(), 0, domain.raw);
        if (result < 0) {
            return std::unexpected(hypercall_error(
                result, fmt::format("cannot update the machine-to-phys table for domain {}", domain.raw)));
        }
        updates = updates.subspan(batch.size());
    }
    return {};
}

Result<std::uint32_t> XenCalls::xen_version() const {
    const std::int64_t result =
        port_.call(number(xen::HypercallId::XenVersion), static_cast<std::uint64_t>(xen::VersionCommand::Version), 0);
    if (result < 0) return std::unexpected(hypercall_error(result, "cannot ask for the version of Xen's interface"));
    return static_cast<std::uint32_t>(result);
}

Result<std::uint32_t> XenCalls::features() const {
    xen::FeatureInfo argument{0, 0};
    TRY(call(port_, xen::HypercallId::XenVersion, xen::VersionCommand::GetFeatures, argument,
             "ask for the features of Xen's interface"));
    return argument.submap;
}

}  // namespace hvctl
