#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/platform.h>
}

#include "hv/abi/xen/platform.hpp"

namespace our = hv::abi::xen;

TEST(XenPlatform, Commands) {
    EXPECT_SAME_VALUE(our::PlatformCommand::Settime32, XENPF_settime32);
    EXPECT_SAME_VALUE(our::PlatformCommand::AddMemtype, XENPF_add_memtype);
    EXPECT_SAME_VALUE(our::PlatformCommand::DelMemtype, XENPF_del_memtype);
    EXPECT_SAME_VALUE(our::PlatformCommand::ReadMemtype, XENPF_read_memtype);
    EXPECT_SAME_VALUE(our::PlatformCommand::MicrocodeUpdate, XENPF_microcode_update);
    EXPECT_SAME_VALUE(our::PlatformCommand::PlatformQuirk, XENPF_platform_quirk);
    EXPECT_SAME_VALUE(our::PlatformCommand::GetCpuVersion, XENPF_get_cpu_version);
    EXPECT_SAME_VALUE(our::PlatformCommand::EfiRuntimeCall, XENPF_efi_runtime_call);
    EXPECT_SAME_VALUE(our::PlatformCommand::FirmwareInfo, XENPF_firmware_info);
    EXPECT_SAME_VALUE(our::PlatformCommand::EnterAcpiSleep, XENPF_enter_acpi_sleep);
    EXPECT_SAME_VALUE(our::PlatformCommand::ChangeFreq, XENPF_change_freq);
    EXPECT_SAME_VALUE(our::PlatformCommand::GetIdleTime, XENPF_getidletime);
    EXPECT_SAME_VALUE(our::PlatformCommand::SetProcessorPminfo, XENPF_set_processor_pminfo);
    EXPECT_SAME_VALUE(our::PlatformCommand::GetCpuInfo, XENPF_get_cpuinfo);
    EXPECT_SAME_VALUE(our::PlatformCommand::CpuOnline, XENPF_cpu_online);
    EXPECT_SAME_VALUE(our::PlatformCommand::CpuOffline, XENPF_cpu_offline);
    EXPECT_SAME_VALUE(our::PlatformCommand::CpuHotadd, XENPF_cpu_hotadd);
    EXPECT_SAME_VALUE(our::PlatformCommand::MemHotadd, XENPF_mem_hotadd);
    EXPECT_SAME_VALUE(our::PlatformCommand::CoreParking, XENPF_core_parking);
    EXPECT_SAME_VALUE(our::PlatformCommand::ResourceOp, XENPF_resource_op);
    EXPECT_SAME_VALUE(our::PlatformCommand::Settime64, XENPF_settime64);
    EXPECT_SAME_VALUE(our::PlatformCommand::GetSymbol, XENPF_get_symbol);
    EXPECT_SAME_VALUE(our::FirmwareInfoType::DiskInfo, XEN_FW_DISK_INFO);
    EXPECT_SAME_VALUE(our::FirmwareInfoType::DiskMbrSignature, XEN_FW_DISK_MBR_SIGNATURE);
    EXPECT_SAME_VALUE(our::FirmwareInfoType::VbeDdcInfo, XEN_FW_VBEDDC_INFO);
    EXPECT_SAME_VALUE(our::FirmwareInfoType::EfiInfo, XEN_FW_EFI_INFO);
    EXPECT_SAME_VALUE(our::FirmwareInfoType::KeyboardShiftFlags, XEN_FW_KBD_SHIFT_FLAGS);
    EXPECT_SAME_VALUE(our::PminfoType::Cx, XEN_PM_CX);
    EXPECT_SAME_VALUE(our::PminfoType::Px, XEN_PM_PX);
    EXPECT_SAME_VALUE(our::PminfoType::Tx, XEN_PM_TX);
    EXPECT_SAME_VALUE(our::PminfoType::Pdc, XEN_PM_PDC);
    EXPECT_SAME_VALUE(our::CoreParkingType::Set, XEN_CORE_PARKING_SET);
    EXPECT_SAME_VALUE(our::CoreParkingType::Get, XEN_CORE_PARKING_GET);
    EXPECT_SAME_VALUE(our::ResourceOpCommand::MsrRead, XEN_RESOURCE_OP_MSR_READ);
    EXPECT_SAME_VALUE(our::ResourceOpCommand::MsrWrite, XEN_RESOURCE_OP_MSR_WRITE);
    EXPECT_SAME_VALUE(our::kPlatformInterfaceVersion, XENPF_INTERFACE_VERSION);
    EXPECT_SAME_VALUE(our::kAcpiSleepExtended, XENPF_ACPI_SLEEP_EXTENDED);
    EXPECT_SAME_VALUE(our::kPcpuOnline, XEN_PCPU_FLAGS_ONLINE);
    EXPECT_SAME_VALUE(our::kPcpuInvalid, XEN_PCPU_FLAGS_INVALID);
}

TEST(XenPlatform, Structures) {
    EXPECT_SAME_SIZE(our::PlatformSettime32, xenpf_settime32);
    EXPECT_SAME_OFFSET(our::PlatformSettime32, secs, xenpf_settime32, secs);
    EXPECT_SAME_OFFSET(our::PlatformSettime32, nsecs, xenpf_settime32, nsecs);
    EXPECT_SAME_OFFSET(our::PlatformSettime32, system_time, xenpf_settime32, system_time);
    EXPECT_SAME_SIZE(our::PlatformSettime64, xenpf_settime64);
    EXPECT_SAME_OFFSET(our::PlatformSettime64, secs, xenpf_settime64, secs);
    EXPECT_SAME_OFFSET(our::PlatformSettime64, nsecs, xenpf_settime64, nsecs);
    EXPECT_SAME_OFFSET(our::PlatformSettime64, mbz, xenpf_settime64, mbz);
    EXPECT_SAME_OFFSET(our::PlatformSettime64, system_time, xenpf_settime64, system_time);
    EXPECT_SAME_SIZE(our::PlatformAddMemtype, xenpf_add_memtype);
    EXPECT_SAME_OFFSET(our::PlatformAddMemtype, mfn, xenpf_add_memtype, mfn);
    EXPECT_SAME_OFFSET(our::PlatformAddMemtype, nr_mfns, xenpf_add_memtype, nr_mfns);
    EXPECT_SAME_OFFSET(our::PlatformAddMemtype, type, xenpf_add_memtype, type);
    EXPECT_SAME_OFFSET(our::PlatformAddMemtype, handle, xenpf_add_memtype, handle);
    EXPECT_SAME_OFFSET(our::PlatformAddMemtype, reg, xenpf_add_memtype, reg);
    EXPECT_SAME_SIZE(our::PlatformDelMemtype, xenpf_del_memtype);
    EXPECT_SAME_OFFSET(our::PlatformDelMemtype, handle, xenpf_del_memtype, handle);
    EXPECT_SAME_OFFSET(our::PlatformDelMemtype, reg, xenpf_del_memtype, reg);
    EXPECT_SAME_SIZE(our::PlatformReadMemtype, xenpf_read_memtype);
    EXPECT_SAME_OFFSET(our::PlatformReadMemtype, reg, xenpf_read_memtype, reg);
    EXPECT_SAME_OFFSET(our::PlatformReadMemtype, mfn, xenpf_read_memtype, mfn);
    EXPECT_SAME_OFFSET(our::PlatformReadMemtype, nr_mfns, xenpf_read_memtype, nr_mfns);
    EXPECT_SAME_OFFSET(our::PlatformReadMemtype, type, xenpf_read_memtype, type);
    EXPECT_SAME_SIZE(our::PlatformMicrocode, xenpf_microcode_update);
    EXPECT_SAME_OFFSET(our::PlatformMicrocode, data, xenpf_microcode_update, data);
    EXPECT_SAME_OFFSET(our::PlatformMicrocode, length, xenpf_microcode_update, length);
    EXPECT_SAME_SIZE(our::PlatformQuirk, xenpf_platform_quirk);
    EXPECT_SAME_OFFSET(our::PlatformQuirk, quirk_id, xenpf_platform_quirk, quirk_id);
    EXPECT_SAME_SIZE(our::PlatformFirmwareInfo, xenpf_firmware_info);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, type, xenpf_firmware_info, type);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, index, xenpf_firmware_info, index);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, u.disk_info.device, xenpf_firmware_info, u.disk_info.device);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, u.disk_info.interface_support, xenpf_firmware_info,
                       u.disk_info.interface_support);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, u.disk_info.legacy_sectors_per_track, xenpf_firmware_info,
                       u.disk_info.legacy_sectors_per_track);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, u.disk_info.edd_params, xenpf_firmware_info, u.disk_info.edd_params);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, u.disk_mbr_signature.mbr_signature, xenpf_firmware_info,
                       u.disk_mbr_signature.mbr_signature);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, u.vbeddc_info.edid, xenpf_firmware_info, u.vbeddc_info.edid);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, u.kbd_shift_flags, xenpf_firmware_info, u.kbd_shift_flags);
    EXPECT_SAME_OFFSET(our::PlatformFirmwareInfo, u.efi_info, xenpf_firmware_info, u.efi_info);
    EXPECT_SAME_SIZE(our::PlatformEnterAcpiSleep, xenpf_enter_acpi_sleep);
    EXPECT_SAME_OFFSET(our::PlatformEnterAcpiSleep, val_a, xenpf_enter_acpi_sleep, val_a);
    EXPECT_SAME_OFFSET(our::PlatformEnterAcpiSleep, val_b, xenpf_enter_acpi_sleep, val_b);
    EXPECT_SAME_OFFSET(our::PlatformEnterAcpiSleep, sleep_state, xenpf_enter_acpi_sleep, sleep_state);
    EXPECT_SAME_OFFSET(our::PlatformEnterAcpiSleep, flags, xenpf_enter_acpi_sleep, flags);
    EXPECT_SAME_SIZE(our::PlatformChangeFreq, xenpf_change_freq);
    EXPECT_SAME_OFFSET(our::PlatformChangeFreq, flags, xenpf_change_freq, flags);
    EXPECT_SAME_OFFSET(our::PlatformChangeFreq, cpu, xenpf_change_freq, cpu);
    EXPECT_SAME_OFFSET(our::PlatformChangeFreq, freq, xenpf_change_freq, freq);
    EXPECT_SAME_SIZE(our::PlatformGetIdleTime, xenpf_getidletime);
    EXPECT_SAME_OFFSET(our::PlatformGetIdleTime, cpumap_bitmap, xenpf_getidletime, cpumap_bitmap);
    EXPECT_SAME_OFFSET(our::PlatformGetIdleTime, cpumap_nr_cpus, xenpf_getidletime, cpumap_nr_cpus);
    EXPECT_SAME_OFFSET(our::PlatformGetIdleTime, idletime, xenpf_getidletime, idletime);
    EXPECT_SAME_OFFSET(our::PlatformGetIdleTime, now, xenpf_getidletime, now);
    EXPECT_SAME_SIZE(our::PlatformSetProcessorPminfo, xenpf_set_processor_pminfo);
    EXPECT_SAME_OFFSET(our::PlatformSetProcessorPminfo, id, xenpf_set_processor_pminfo, id);
    EXPECT_SAME_OFFSET(our::PlatformSetProcessorPminfo, type, xenpf_set_processor_pminfo, type);
    EXPECT_SAME_OFFSET(our::PlatformSetProcessorPminfo, u.power.count, xenpf_set_processor_pminfo, u.power.count);
    EXPECT_SAME_OFFSET(our::PlatformSetProcessorPminfo, u.power.flags, xenpf_set_processor_pminfo, u.power.flags);
    EXPECT_SAME_OFFSET(our::PlatformSetProcessorPminfo, u.power.states, xenpf_set_processor_pminfo, u.power.states);
    EXPECT_SAME_OFFSET(our::PlatformSetProcessorPminfo, u.pdc, xenpf_set_processor_pminfo, u.pdc);
    EXPECT_SAME_OFFSET(our::PlatformSetProcessorPminfo, u.performance, xenpf_set_processor_pminfo, u.perf);
}

TEST(XenPlatform, MoreStructures) {
    EXPECT_SAME_SIZE(our::PlatformPcpuInfo, xenpf_pcpuinfo);
    EXPECT_SAME_OFFSET(our::PlatformPcpuInfo, xen_cpuid, xenpf_pcpuinfo, xen_cpuid);
    EXPECT_SAME_OFFSET(our::PlatformPcpuInfo, max_present, xenpf_pcpuinfo, max_present);
    EXPECT_SAME_OFFSET(our::PlatformPcpuInfo, flags, xenpf_pcpuinfo, flags);
    EXPECT_SAME_OFFSET(our::PlatformPcpuInfo, apic_id, xenpf_pcpuinfo, apic_id);
    EXPECT_SAME_OFFSET(our::PlatformPcpuInfo, acpi_id, xenpf_pcpuinfo, acpi_id);
    EXPECT_SAME_SIZE(our::PlatformPcpuVersion, xenpf_pcpu_version);
    EXPECT_SAME_OFFSET(our::PlatformPcpuVersion, xen_cpuid, xenpf_pcpu_version, xen_cpuid);
    EXPECT_SAME_OFFSET(our::PlatformPcpuVersion, max_present, xenpf_pcpu_version, max_present);
    EXPECT_SAME_OFFSET(our::PlatformPcpuVersion, vendor_id, xenpf_pcpu_version, vendor_id);
    EXPECT_SAME_OFFSET(our::PlatformPcpuVersion, family, xenpf_pcpu_version, family);
    EXPECT_SAME_OFFSET(our::PlatformPcpuVersion, model, xenpf_pcpu_version, model);
    EXPECT_SAME_OFFSET(our::PlatformPcpuVersion, stepping, xenpf_pcpu_version, stepping);
    EXPECT_SAME_SIZE(our::PlatformCpuOnlineOffline, xenpf_cpu_ol);
    EXPECT_SAME_OFFSET(our::PlatformCpuOnlineOffline, cpu, xenpf_cpu_ol, cpuid);
    EXPECT_SAME_SIZE(our::PlatformCpuHotadd, xenpf_cpu_hotadd);
    EXPECT_SAME_OFFSET(our::PlatformCpuHotadd, apic_id, xenpf_cpu_hotadd, apic_id);
    EXPECT_SAME_OFFSET(our::PlatformCpuHotadd, acpi_id, xenpf_cpu_hotadd, acpi_id);
    EXPECT_SAME_OFFSET(our::PlatformCpuHotadd, pxm, xenpf_cpu_hotadd, pxm);
    EXPECT_SAME_SIZE(our::PlatformMemHotadd, xenpf_mem_hotadd);
    EXPECT_SAME_OFFSET(our::PlatformMemHotadd, spfn, xenpf_mem_hotadd, spfn);
    EXPECT_SAME_OFFSET(our::PlatformMemHotadd, epfn, xenpf_mem_hotadd, epfn);
    EXPECT_SAME_OFFSET(our::PlatformMemHotadd, pxm, xenpf_mem_hotadd, pxm);
    EXPECT_SAME_OFFSET(our::PlatformMemHotadd, flags, xenpf_mem_hotadd, flags);
    EXPECT_SAME_SIZE(our::PlatformCoreParking, xenpf_core_parking);
    EXPECT_SAME_OFFSET(our::PlatformCoreParking, type, xenpf_core_parking, type);
    EXPECT_SAME_OFFSET(our::PlatformCoreParking, idle_nums, xenpf_core_parking, idle_nums);
    EXPECT_SAME_SIZE(our::PlatformResourceEntry, xenpf_resource_entry);
    EXPECT_SAME_OFFSET(our::PlatformResourceEntry, command, xenpf_resource_entry, u.cmd);
    EXPECT_SAME_OFFSET(our::PlatformResourceEntry, reserved, xenpf_resource_entry, rsvd);
    EXPECT_SAME_OFFSET(our::PlatformResourceEntry, idx, xenpf_resource_entry, idx);
    EXPECT_SAME_OFFSET(our::PlatformResourceEntry, val, xenpf_resource_entry, val);
    EXPECT_SAME_SIZE(our::PlatformResourceOp, xenpf_resource_op);
    EXPECT_SAME_OFFSET(our::PlatformResourceOp, nr_entries, xenpf_resource_op, nr_entries);
    EXPECT_SAME_OFFSET(our::PlatformResourceOp, cpu, xenpf_resource_op, cpu);
    EXPECT_SAME_OFFSET(our::PlatformResourceOp, entries, xenpf_resource_op, entries);
    EXPECT_SAME_SIZE(our::PlatformSymdata, xenpf_symdata);
    EXPECT_SAME_OFFSET(our::PlatformSymdata, namelen, xenpf_symdata, namelen);
    EXPECT_SAME_OFFSET(our::PlatformSymdata, symnum, xenpf_symdata, symnum);
    EXPECT_SAME_OFFSET(our::PlatformSymdata, name, xenpf_symdata, name);
    EXPECT_SAME_OFFSET(our::PlatformSymdata, address, xenpf_symdata, address);
    EXPECT_SAME_OFFSET(our::PlatformSymdata, type, xenpf_symdata, type);
    EXPECT_SAME_SIZE(our::PlatformOp, xen_platform_op);
    EXPECT_SAME_OFFSET(our::PlatformOp, command, xen_platform_op, cmd);
    EXPECT_SAME_OFFSET(our::PlatformOp, interface_version, xen_platform_op, interface_version);
    EXPECT_SAME_OFFSET(our::PlatformOp, u, xen_platform_op, u);
}
