// Events, for what hv writes into guests' pages, and the pages that guests give for it.
#include "hv/abi/xen/event_channel.hpp"

#include "hv/abi/xen/vcpu.hpp"
#include "hv/hypercall/handlers.hpp"
#include "tests/fuzz/frames/world.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace fuzz {

using namespace hv::abi::xen;

namespace {

void event_op(World& world, hv::Vcpu& vcpu, EventChannelCommand command, unsigned tries = kPatient,
              Afterwards afterwards = {}) {
    world.call(vcpu, hv::do_event_channel_op, {{static_cast<std::uint64_t>(command), world.argument(), 0, 0, 0, 0}},
               tries, std::move(afterwards));
}

template <class Request>
void bind(World& world, std::vector<std::uint32_t>& ports, hv::Vcpu& vcpu, EventChannelCommand command,
          std::uint32_t Request::*port) {
    event_op(world, vcpu, command, kPatient, [&world, &ports, port](std::int64_t result) {
        if (result == 0) ports.push_back(world.at<Request>(0).*port);
    });
}

}  // namespace

void use_events(World& world, std::size_t guest, hv::Vcpu& vcpu) {
    const std::uint8_t shape = world.reader.byte();
    std::vector<std::uint32_t>& ports = world.guests[guest].ports;
    const std::uint32_t port = ports.empty() ? 1 : ports[shape / 8 % ports.size()];
    switch (shape % 8) {
        case 0: {
            world.at<EventChannelBindIpi>(0) = {.vcpu = shape / 8 % 2u, .port = 0};
            bind(world, ports, vcpu, EventChannelCommand::BindIpi, &EventChannelBindIpi::port);
            break;
        }
        case 1: {
            world.at<EventChannelAllocUnbound>(0) = {
                .domid = kDomidSelf, .remote_domid = world.domain_id(guest), .port = 0};
            bind(world, ports, vcpu, EventChannelCommand::AllocUnbound, &EventChannelAllocUnbound::port);
            break;
        }
        case 2: {
            world.at<EventChannelBindInterdomain>(0) = {
                .remote_domid = world.domain_id(guest), .pad = 0, .remote_port = 1 + shape / 8 % 8u, .local_port = 0};
            bind(world, ports, vcpu, EventChannelCommand::BindInterdomain, &EventChannelBindInterdomain::local_port);
            break;
        }
        case 3:
            world.at<EventChannelClose>(0) = {.port = port};
            event_op(world, vcpu, EventChannelCommand::Close);
            break;
        case 4:
            world.at<EventChannelUnmask>(0) = {.port = port};
            event_op(world, vcpu, EventChannelCommand::Unmask);
            break;
        default: world.at<EventChannelSend>(0) = {.port = port}; event_op(world, vcpu, EventChannelCommand::Send);
    }
}

void use_fifo(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    const std::uint8_t shape = world.reader.byte();
    switch (shape % 8) {
        case 0:
            world.at<EventChannelReset>(0) = {.domid = world.domain_id(guest)};
            event_op(world, vcpu, EventChannelCommand::Reset, tries);
            break;
        case 1:
        case 2:
        case 3: {
            const hv::Mfn page = world.frame(guest);
            world.at<EventChannelExpandArray>(0) = {.array_gfn = page.raw};
            world.tell("  event words in 0x{:x}", page.raw);
            event_op(world, vcpu, EventChannelCommand::ExpandArray);
            break;
        }
        default: {
            const hv::Mfn page = world.frame(guest);
            world.at<EventChannelInitControl>(0) = {.control_gfn = page.raw,
                                                    .offset = shape / 8 % 4u * 256,
                                                    .vcpu = shape / 32 % 2u,
                                                    .link_bits = 0,
                                                    .pad = {}};
            world.tell("  control block in 0x{:x}", page.raw);
            event_op(world, vcpu, EventChannelCommand::InitControl);
        }
    }
}

void register_areas(World& world, std::size_t guest, hv::Vcpu& vcpu) {
    const hv::Mfn page = world.frame(guest);
    const std::uint8_t shape = world.reader.byte();
    world.at<VcpuRegisterVcpuInfo>(0) = {.mfn = page.raw, .offset = shape % 8u * 64, .reserved = 0};
    world.tell("  vCPU information in 0x{:x}", page.raw);
    world.call(vcpu, hv::do_vcpu_op,
               {{static_cast<std::uint64_t>(VcpuCommand::RegisterVcpuInfo), shape & 0x80 ? 1u : vcpu.id.raw,
                 world.argument(), 0, 0, 0}});
}

}  // namespace fuzz
