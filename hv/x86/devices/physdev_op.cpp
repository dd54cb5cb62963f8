// physdev_op: Dom0 drives the interrupts of physical devices. What only informs hv about PCI devices is accepted
// without effect.
#include "hv/abi/xen/physdev.hpp"

#include <bit>

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/apic/io_apic.hpp"
#include "hv/x86/devices/machine_hypercalls.hpp"
#include "hv/x86/devices/msi.hpp"
#include "hv/x86/devices/pirq.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"

namespace hv::x86 {
namespace {

using namespace abi::xen;

HypercallResult map_pirq(GuestVirtual where) {
    auto request = TRY(fetch<PhysdevMapPirq>(where));
    if (request.domid != kDomidSelf && DomainId{request.domid} != current_domain().id) return fail(Error::NotSupported);
    switch (static_cast<MapPirqType>(request.type)) {
        case MapPirqType::Gsi:
            request.pirq =
                static_cast<std::int32_t>(TRY(map_gsi(static_cast<std::uint32_t>(request.index), request.pirq)));
            break;
        case MapPirqType::Msi:
        case MapPirqType::MsiSegment: request.pirq = static_cast<std::int32_t>(TRY(map_msi(request, 1))); break;
        case MapPirqType::MultiMsi: {
            if (request.entry_nr < 1 || request.entry_nr > 32 || request.table_base != 0)
                return fail(Error::BadArgument);
            const std::uint32_t wanted = std::bit_ceil(static_cast<std::uint32_t>(request.entry_nr));
            const auto possible =
                msi_messages({static_cast<std::uint16_t>(static_cast<std::uint32_t>(request.bus) >> 16),
                              static_cast<std::uint8_t>(request.bus), static_cast<std::uint8_t>(request.devfn)});
            if (possible < wanted) {
                // "This many are possible": the caller may ask again.
                request.entry_nr = static_cast<std::int32_t>(possible);
                TRY(store(where, request));
                return fail(Error::NoSpace);
            }
            request.pirq = static_cast<std::int32_t>(TRY(map_msi(request, wanted)));
            break;
        }
        default: return fail(Error::BadArgument);
    }
    TRY(store(where, request));
    return 0;
}

HypercallResult set_eoi_map(GuestVirtual where, bool auto_unmask) {
    const auto request = TRY(fetch<PhysdevPirqEoiGmfn>(where));
    Domain& domain = current_domain();
    Guard guard{domain.lock};
    if (domain.arch->eoi_map_frame) return fail(Error::Busy);
    FrameInfo* info = TRY(get_guest_frame_and_type(domain, Gfn{request.gmfn}, FrameType::Writable));
    domain.arch->eoi_map_frame = info;
    domain.arch->auto_unmask = auto_unmask;
    auto* words = static_cast<std::uint64_t*>(frame_pointer(frame_number(*info)));
    for (std::uint32_t pirq = 0; pirq < EventChannels::kMaxPirqs; ++pirq)
        if (pirq_needs_end(pirq))
            __atomic_fetch_or(&words[pirq / 64], std::uint64_t{1} << (pirq % 64), __ATOMIC_RELAXED);
    return 0;
}

HypercallResult read_apic(GuestVirtual where) {
    auto request = TRY(fetch<PhysdevApic>(where));
    for (unsigned index = 0; index < io_apic_count(); ++index) {
        if (io_apic_info(index).physical != request.apic_physbase) continue;
        request.value = read_io_apic(index, static_cast<std::uint8_t>(request.reg));
        TRY(store(where, request));
        return 0;
    }
    return fail(Error::BadArgument);
}

HypercallResult status_query(GuestVirtual where) {
    auto request = TRY(fetch<PhysdevIrqStatusQuery>(where));
    request.flags = pirq_needs_end(request.irq) ? kIrqStatusNeedsEoi : 0;
    TRY(store(where, request));
    return 0;
}

// Nothing to do, with an argument that must be readable all the same.
template <class Argument>
HypercallResult acknowledge(GuestVirtual where) {
    TRY(fetch<Argument>(where));
    return 0;
}

HypercallResult privileged_op(PhysdevCommand command, GuestVirtual where) {
    switch (command) {
        case PhysdevCommand::Eoi: {
            const auto request = TRY(fetch<PhysdevEoi>(where));
            TRY(end_pirq(request.irq));
            Domain& domain = current_domain();
            if (domain.arch->auto_unmask)
                if (const EventPort port = domain.events.pirq_port(request.irq); port != kNoPort)
                    (void)domain.events.unmask(port);
            return 0;
        }
        case PhysdevCommand::PirqEoiGmfnV1: return set_eoi_map(where, true);
        case PhysdevCommand::PirqEoiGmfnV2: return set_eoi_map(where, false);
        case PhysdevCommand::IrqStatusQuery: return status_query(where);
        case PhysdevCommand::ApicRead: return read_apic(where);
        case PhysdevCommand::ApicWrite:
            return acknowledge<PhysdevApic>(where);  // routing is hv's: SetupGsi and MapPirq say what is wanted
        case PhysdevCommand::AllocIrqVector: {
            auto request = TRY(fetch<PhysdevIrq>(where));
            request.vector = request.irq;
            TRY(store(where, request));
            return 0;
        }
        case PhysdevCommand::FreeIrqVector: return acknowledge<PhysdevIrq>(where);
        case PhysdevCommand::SetupGsi: {
            const auto request = TRY(fetch<PhysdevSetupGsi>(where));
            if (request.gsi < 0) return fail(Error::BadArgument);
            TRY(set_up_gsi(static_cast<std::uint32_t>(request.gsi), request.triggering != 0, request.polarity != 0));
            return 0;
        }
        case PhysdevCommand::MapPirq: return map_pirq(where);
        case PhysdevCommand::UnmapPirq: {
            const auto request = TRY(fetch<PhysdevUnmapPirq>(where));
            TRY(unmap_pirq(static_cast<std::uint32_t>(request.pirq)));
            return 0;
        }
        case PhysdevCommand::GetFreePirq: {
            auto request = TRY(fetch<PhysdevGetFreePirq>(where));
            request.pirq = TRY(free_pirq());
            TRY(store(where, request));
            return 0;
        }
        case PhysdevCommand::RestoreMsiExt: {
            const auto request = TRY(fetch<PhysdevPciDevice>(where));
            restore_messages(request.seg, request.bus, request.devfn);
            return 0;
        }
        case PhysdevCommand::RestoreMsi: {
            const auto request = TRY(fetch<PhysdevManagePci>(where));
            restore_messages(0, request.bus, request.devfn);
            return 0;
        }
        // hv keeps no list of devices until there is passthrough: these tell it nothing that it needs.
        case PhysdevCommand::ManagePciAdd:
        case PhysdevCommand::ManagePciRemove: return acknowledge<PhysdevManagePci>(where);
        case PhysdevCommand::ManagePciAddExt: return acknowledge<PhysdevManagePciExt>(where);
        case PhysdevCommand::PciDeviceAdd: return acknowledge<PhysdevPciDeviceAdd>(where);
        case PhysdevCommand::PciDeviceRemove:
        case PhysdevCommand::PrepareMsix:
        case PhysdevCommand::ReleaseMsix: return acknowledge<PhysdevPciDevice>(where);
        case PhysdevCommand::PciMmcfgReserved: return acknowledge<PhysdevPciMmcfgReserved>(where);
        case PhysdevCommand::DbgpOp: return acknowledge<PhysdevDbgpOp>(where);
        default: return fail(Error::NotImplemented);
    }
}

}  // namespace

HypercallResult do_physdev_op(HypercallArguments& arguments) {
    const auto command = static_cast<PhysdevCommand>(arguments.value[0]);
    const GuestVirtual where{arguments.value[1]};
    switch (command) {
        case PhysdevCommand::SetIopl: {
            const auto request = TRY(fetch<PhysdevSetIopl>(where));
            if (request.iopl > 3) return fail(Error::BadArgument);
            TRY(kind_of(current_domain()).set_io_privilege(current_vcpu(), request.iopl));
            return 0;
        }
        case PhysdevCommand::SetIobitmap: {
            const auto request = TRY(fetch<PhysdevSetIobitmap>(where));
            if (request.nr_ports > 65536) return fail(Error::BadArgument);
            TRY(kind_of(current_domain())
                    .set_io_bitmap(current_vcpu(), GuestVirtual{request.bitmap}, request.nr_ports));
            return 0;
        }
        default: break;
    }
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    return privileged_op(command, where);
}

// The first physdev_op: command and structure are one.
HypercallResult do_physdev_op_compat(HypercallArguments& arguments) {
    const GuestVirtual op{arguments.value[0]};
    const auto command = TRY(fetch<std::uint32_t>(op));
    if (command < static_cast<std::uint32_t>(PhysdevCommand::IrqStatusQuery) ||
        command > static_cast<std::uint32_t>(PhysdevCommand::FreeIrqVector))
        return fail(Error::NotImplemented);
    HypercallArguments now{{command, (op + kPhysdevCompatArgument).raw}};
    return do_physdev_op(now);
}

}  // namespace hv::x86
