// A vCPU's first registers, from its own kernel or the toolstack: base pointers, GDT and LDT at once. And
// Dom0's page of interrupts that want an end.
#include "hv/abi/xen/physdev.hpp"
#include "hv/abi/xen/vcpu.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
#include "hv/control/operation.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/x86/devices/machine_hypercalls.hpp"
#include "tests/fuzz/frames/world.hpp"

namespace fuzz {

using namespace hv::abi::xen;

namespace {

constexpr std::uint64_t kContext = 512;
constexpr std::uint64_t kEntriesPerPage = hv::kPageSize / sizeof(std::uint64_t);

void make_context(World& world, std::size_t guest) {
    const std::uint8_t shape = world.reader.byte();
    VcpuGuestContext& context = world.at<VcpuGuestContext>(kContext);
    context = {};
    if (shape & 1) context.flags |= kVgcfInKernel;
    if (shape & 2) context.flags |= kVgcfOnline;
    const unsigned pages = shape / 4 % 4u;
    for (unsigned page = 0; page < pages; ++page) context.gdt_frames[page] = world.frame(guest).raw;
    context.gdt_entries = pages * kEntriesPerPage;
    if (shape & 0x10) {
        context.ldt_base = world.virtual_address();
        context.ldt_entries = 600;
    }
    context.ctrlreg[3] = frame_to_cr3((shape & 0x40 ? world.frame(guest) : world.guests[guest].frames[0]).raw);
    if (shape & 0x20) context.ctrlreg[1] = frame_to_cr3(world.frame(guest).raw);
    world.tell("  {} GDT pages from 0x{:x}, LDT 0x{:x}, CR3 0x{:x}, user 0x{:x}", pages, context.gdt_frames[0],
               context.ldt_base, context.ctrlreg[3], context.ctrlreg[1]);
}

}  // namespace

void give_context(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    const std::uint8_t shape = world.reader.byte();
    const hv::VcpuId to = shape & 4 ? vcpu.id : kSpareVcpu;
    if (shape & 1) {
        make_context(world, guest);
        world.call(vcpu, hv::do_vcpu_op,
                   {{static_cast<std::uint64_t>(VcpuCommand::Initialise), to.raw, world.argument(kContext), 0, 0, 0}},
                   tries);
        return;
    }
    const std::size_t target = world.guest_index();
    hv::Domain& domain = *world.guests[target].domain;
    make_context(world, target);
    using hv::control::Operation;
    world.at<hv::control::VcpuContext>(0) = {.buffer = world.argument(kContext),
                                             .domain = domain.id.raw,
                                             .reserved0 = 0,
                                             .vcpu = to.raw,
                                             .size = sizeof(VcpuGuestContext),
                                             .reserved1 = 0};
    world.tell("  d{}v{}", domain.id, to);
    world.call(vcpu, hv::do_control,
               {{static_cast<std::uint64_t>(Operation::SetVcpuContext), world.argument(),
                 sizeof(hv::control::VcpuContext), 0, 0, 0}},
               tries);
}

void give_eoi_map(World& world, std::size_t guest, hv::Vcpu& vcpu) {
    const std::uint8_t shape = world.reader.byte();
    const hv::Mfn page = world.frame(guest);
    world.at<PhysdevPirqEoiGmfn>(0) = {.gmfn = page.raw};
    world.tell("  in 0x{:x}", page.raw);
    const PhysdevCommand command = shape & 1 ? PhysdevCommand::PirqEoiGmfnV1 : PhysdevCommand::PirqEoiGmfnV2;
    world.call(vcpu, hv::x86::do_physdev_op, {{static_cast<std::uint64_t>(command), world.argument(), 0, 0, 0, 0}});
}

}  // namespace fuzz
