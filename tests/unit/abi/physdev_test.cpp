#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/physdev.h>
}

#include "hv/abi/xen/physdev.hpp"

namespace our = hv::abi::xen;

TEST(XenPhysdev, Commands) {
    EXPECT_SAME_VALUE(our::PhysdevCommand::IrqUnmaskNotify, PHYSDEVOP_IRQ_UNMASK_NOTIFY);
    EXPECT_SAME_VALUE(our::PhysdevCommand::IrqStatusQuery, PHYSDEVOP_irq_status_query);
    EXPECT_SAME_VALUE(our::PhysdevCommand::SetIopl, PHYSDEVOP_set_iopl);
    EXPECT_SAME_VALUE(our::PhysdevCommand::SetIobitmap, PHYSDEVOP_set_iobitmap);
    EXPECT_SAME_VALUE(our::PhysdevCommand::ApicRead, PHYSDEVOP_apic_read);
    EXPECT_SAME_VALUE(our::PhysdevCommand::ApicWrite, PHYSDEVOP_apic_write);
    EXPECT_SAME_VALUE(our::PhysdevCommand::AllocIrqVector, PHYSDEVOP_alloc_irq_vector);
    EXPECT_SAME_VALUE(our::PhysdevCommand::FreeIrqVector, PHYSDEVOP_free_irq_vector);
    EXPECT_SAME_VALUE(our::PhysdevCommand::Eoi, PHYSDEVOP_eoi);
    EXPECT_SAME_VALUE(our::PhysdevCommand::MapPirq, PHYSDEVOP_map_pirq);
    EXPECT_SAME_VALUE(our::PhysdevCommand::UnmapPirq, PHYSDEVOP_unmap_pirq);
    EXPECT_SAME_VALUE(our::PhysdevCommand::ManagePciAdd, PHYSDEVOP_manage_pci_add);
    EXPECT_SAME_VALUE(our::PhysdevCommand::ManagePciRemove, PHYSDEVOP_manage_pci_remove);
    EXPECT_SAME_VALUE(our::PhysdevCommand::PirqEoiGmfnV1, PHYSDEVOP_pirq_eoi_gmfn_v1);
    EXPECT_SAME_VALUE(our::PhysdevCommand::RestoreMsi, PHYSDEVOP_restore_msi);
    EXPECT_SAME_VALUE(our::PhysdevCommand::ManagePciAddExt, PHYSDEVOP_manage_pci_add_ext);
    EXPECT_SAME_VALUE(our::PhysdevCommand::SetupGsi, PHYSDEVOP_setup_gsi);
    EXPECT_SAME_VALUE(our::PhysdevCommand::GetFreePirq, PHYSDEVOP_get_free_pirq);
    EXPECT_SAME_VALUE(our::PhysdevCommand::PciMmcfgReserved, PHYSDEVOP_pci_mmcfg_reserved);
    EXPECT_SAME_VALUE(our::PhysdevCommand::PciDeviceAdd, PHYSDEVOP_pci_device_add);
    EXPECT_SAME_VALUE(our::PhysdevCommand::PciDeviceRemove, PHYSDEVOP_pci_device_remove);
    EXPECT_SAME_VALUE(our::PhysdevCommand::RestoreMsiExt, PHYSDEVOP_restore_msi_ext);
    EXPECT_SAME_VALUE(our::PhysdevCommand::PirqEoiGmfnV2, PHYSDEVOP_pirq_eoi_gmfn_v2);
    EXPECT_SAME_VALUE(our::PhysdevCommand::DbgpOp, PHYSDEVOP_dbgp_op);
    EXPECT_SAME_VALUE(our::PhysdevCommand::PrepareMsix, PHYSDEVOP_prepare_msix);
    EXPECT_SAME_VALUE(our::PhysdevCommand::ReleaseMsix, PHYSDEVOP_release_msix);
    EXPECT_SAME_VALUE(our::MapPirqType::Msi, MAP_PIRQ_TYPE_MSI);
    EXPECT_SAME_VALUE(our::MapPirqType::Gsi, MAP_PIRQ_TYPE_GSI);
    EXPECT_SAME_VALUE(our::MapPirqType::Unknown, MAP_PIRQ_TYPE_UNKNOWN);
    EXPECT_SAME_VALUE(our::MapPirqType::MsiSegment, MAP_PIRQ_TYPE_MSI_SEG);
    EXPECT_SAME_VALUE(our::MapPirqType::MultiMsi, MAP_PIRQ_TYPE_MULTI_MSI);
    EXPECT_SAME_VALUE(our::DbgpCommand::ResetPrepare, PHYSDEVOP_DBGP_RESET_PREPARE);
    EXPECT_SAME_VALUE(our::DbgpCommand::ResetDone, PHYSDEVOP_DBGP_RESET_DONE);
    EXPECT_SAME_VALUE(our::DbgpBus::Unknown, PHYSDEVOP_DBGP_BUS_UNKNOWN);
    EXPECT_SAME_VALUE(our::DbgpBus::Pci, PHYSDEVOP_DBGP_BUS_PCI);
    EXPECT_SAME_VALUE(our::kIrqStatusNeedsEoi, XENIRQSTAT_needs_eoi);
    EXPECT_SAME_VALUE(our::kIrqStatusShared, XENIRQSTAT_shared);
    EXPECT_SAME_VALUE(our::kPciMmcfgReserved, XEN_PCI_MMCFG_RESERVED);
    EXPECT_SAME_VALUE(our::kPciDevExtfn, XEN_PCI_DEV_EXTFN);
    EXPECT_SAME_VALUE(our::kPciDevVirtfn, XEN_PCI_DEV_VIRTFN);
    EXPECT_SAME_VALUE(our::kPciDevPxm, XEN_PCI_DEV_PXM);
}

TEST(XenPhysdev, Structures) {
    EXPECT_EQ(our::kPhysdevCompatArgument, offsetof(physdev_op, u));
    EXPECT_SAME_SIZE(our::PhysdevEoi, physdev_eoi);
    EXPECT_SAME_OFFSET(our::PhysdevEoi, irq, physdev_eoi, irq);
    EXPECT_SAME_SIZE(our::PhysdevPirqEoiGmfn, physdev_pirq_eoi_gmfn);
    EXPECT_SAME_OFFSET(our::PhysdevPirqEoiGmfn, gmfn, physdev_pirq_eoi_gmfn, gmfn);
    EXPECT_SAME_SIZE(our::PhysdevIrqStatusQuery, physdev_irq_status_query);
    EXPECT_SAME_OFFSET(our::PhysdevIrqStatusQuery, irq, physdev_irq_status_query, irq);
    EXPECT_SAME_OFFSET(our::PhysdevIrqStatusQuery, flags, physdev_irq_status_query, flags);
    EXPECT_SAME_SIZE(our::PhysdevSetIopl, physdev_set_iopl);
    EXPECT_SAME_OFFSET(our::PhysdevSetIopl, iopl, physdev_set_iopl, iopl);
    EXPECT_SAME_SIZE(our::PhysdevSetIobitmap, physdev_set_iobitmap);
    EXPECT_SAME_OFFSET(our::PhysdevSetIobitmap, bitmap, physdev_set_iobitmap, bitmap);
    EXPECT_SAME_OFFSET(our::PhysdevSetIobitmap, nr_ports, physdev_set_iobitmap, nr_ports);
    EXPECT_SAME_SIZE(our::PhysdevApic, physdev_apic);
    EXPECT_SAME_OFFSET(our::PhysdevApic, apic_physbase, physdev_apic, apic_physbase);
    EXPECT_SAME_OFFSET(our::PhysdevApic, reg, physdev_apic, reg);
    EXPECT_SAME_OFFSET(our::PhysdevApic, value, physdev_apic, value);
    EXPECT_SAME_SIZE(our::PhysdevIrq, physdev_irq);
    EXPECT_SAME_OFFSET(our::PhysdevIrq, irq, physdev_irq, irq);
    EXPECT_SAME_OFFSET(our::PhysdevIrq, vector, physdev_irq, vector);
    EXPECT_SAME_SIZE(our::PhysdevMapPirq, physdev_map_pirq);
    EXPECT_SAME_OFFSET(our::PhysdevMapPirq, domid, physdev_map_pirq, domid);
    EXPECT_SAME_OFFSET(our::PhysdevMapPirq, type, physdev_map_pirq, type);
    EXPECT_SAME_OFFSET(our::PhysdevMapPirq, index, physdev_map_pirq, index);
    EXPECT_SAME_OFFSET(our::PhysdevMapPirq, pirq, physdev_map_pirq, pirq);
    EXPECT_SAME_OFFSET(our::PhysdevMapPirq, bus, physdev_map_pirq, bus);
    EXPECT_SAME_OFFSET(our::PhysdevMapPirq, devfn, physdev_map_pirq, devfn);
    EXPECT_SAME_OFFSET(our::PhysdevMapPirq, entry_nr, physdev_map_pirq, entry_nr);
    EXPECT_SAME_OFFSET(our::PhysdevMapPirq, table_base, physdev_map_pirq, table_base);
    EXPECT_SAME_SIZE(our::PhysdevUnmapPirq, physdev_unmap_pirq);
    EXPECT_SAME_OFFSET(our::PhysdevUnmapPirq, domid, physdev_unmap_pirq, domid);
    EXPECT_SAME_OFFSET(our::PhysdevUnmapPirq, pirq, physdev_unmap_pirq, pirq);
    EXPECT_SAME_SIZE(our::PhysdevManagePci, physdev_manage_pci);
    EXPECT_SAME_OFFSET(our::PhysdevManagePci, bus, physdev_manage_pci, bus);
    EXPECT_SAME_OFFSET(our::PhysdevManagePci, devfn, physdev_manage_pci, devfn);
    EXPECT_SAME_SIZE(our::PhysdevManagePciExt, physdev_manage_pci_ext);
    EXPECT_SAME_OFFSET(our::PhysdevManagePciExt, bus, physdev_manage_pci_ext, bus);
    EXPECT_SAME_OFFSET(our::PhysdevManagePciExt, devfn, physdev_manage_pci_ext, devfn);
    EXPECT_SAME_OFFSET(our::PhysdevManagePciExt, is_extfn, physdev_manage_pci_ext, is_extfn);
    EXPECT_SAME_OFFSET(our::PhysdevManagePciExt, is_virtfn, physdev_manage_pci_ext, is_virtfn);
    EXPECT_SAME_OFFSET(our::PhysdevManagePciExt, physfn, physdev_manage_pci_ext, physfn);
    EXPECT_SAME_SIZE(our::PhysdevSetupGsi, physdev_setup_gsi);
    EXPECT_SAME_OFFSET(our::PhysdevSetupGsi, gsi, physdev_setup_gsi, gsi);
    EXPECT_SAME_OFFSET(our::PhysdevSetupGsi, triggering, physdev_setup_gsi, triggering);
    EXPECT_SAME_OFFSET(our::PhysdevSetupGsi, polarity, physdev_setup_gsi, polarity);
    EXPECT_SAME_SIZE(our::PhysdevGetFreePirq, physdev_get_free_pirq);
    EXPECT_SAME_OFFSET(our::PhysdevGetFreePirq, type, physdev_get_free_pirq, type);
    EXPECT_SAME_OFFSET(our::PhysdevGetFreePirq, pirq, physdev_get_free_pirq, pirq);
    EXPECT_SAME_SIZE(our::PhysdevPciMmcfgReserved, physdev_pci_mmcfg_reserved);
    EXPECT_SAME_OFFSET(our::PhysdevPciMmcfgReserved, address, physdev_pci_mmcfg_reserved, address);
    EXPECT_SAME_OFFSET(our::PhysdevPciMmcfgReserved, segment, physdev_pci_mmcfg_reserved, segment);
    EXPECT_SAME_OFFSET(our::PhysdevPciMmcfgReserved, start_bus, physdev_pci_mmcfg_reserved, start_bus);
    EXPECT_SAME_OFFSET(our::PhysdevPciMmcfgReserved, end_bus, physdev_pci_mmcfg_reserved, end_bus);
    EXPECT_SAME_OFFSET(our::PhysdevPciMmcfgReserved, flags, physdev_pci_mmcfg_reserved, flags);
    EXPECT_SAME_OFFSET(our::PhysdevPciDeviceAdd, seg, physdev_pci_device_add, seg);
    EXPECT_SAME_OFFSET(our::PhysdevPciDeviceAdd, bus, physdev_pci_device_add, bus);
    EXPECT_SAME_OFFSET(our::PhysdevPciDeviceAdd, devfn, physdev_pci_device_add, devfn);
    EXPECT_SAME_OFFSET(our::PhysdevPciDeviceAdd, flags, physdev_pci_device_add, flags);
    EXPECT_SAME_OFFSET(our::PhysdevPciDeviceAdd, physfn, physdev_pci_device_add, physfn);
    EXPECT_EQ(sizeof(our::PhysdevPciDeviceAdd), offsetof(physdev_pci_device_add, optarr));
    EXPECT_SAME_SIZE(our::PhysdevPciDevice, physdev_pci_device);
    EXPECT_SAME_OFFSET(our::PhysdevPciDevice, seg, physdev_pci_device, seg);
    EXPECT_SAME_OFFSET(our::PhysdevPciDevice, bus, physdev_pci_device, bus);
    EXPECT_SAME_OFFSET(our::PhysdevPciDevice, devfn, physdev_pci_device, devfn);
    EXPECT_SAME_SIZE(our::PhysdevDbgpOp, physdev_dbgp_op);
    EXPECT_SAME_OFFSET(our::PhysdevDbgpOp, op, physdev_dbgp_op, op);
    EXPECT_SAME_OFFSET(our::PhysdevDbgpOp, bus, physdev_dbgp_op, bus);
    EXPECT_SAME_OFFSET(our::PhysdevDbgpOp, pci, physdev_dbgp_op, u.pci);
}
