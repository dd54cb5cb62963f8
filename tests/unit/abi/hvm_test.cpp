#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
}

#include "hv/abi/xen/hvm.hpp"

namespace our = hv::abi::xen;

TEST(XenHvm, Commands) {
    EXPECT_SAME_VALUE(our::HvmCommand::SetParam, HVMOP_set_param);
    EXPECT_SAME_VALUE(our::HvmCommand::GetParam, HVMOP_get_param);
    EXPECT_SAME_VALUE(our::HvmCommand::FlushTlbs, HVMOP_flush_tlbs);
    EXPECT_SAME_VALUE(our::HvmCommand::PagetableDying, HVMOP_pagetable_dying);
    EXPECT_SAME_VALUE(our::HvmCommand::GetTime, HVMOP_get_time);
    EXPECT_SAME_VALUE(our::HvmCommand::Xentrace, HVMOP_xentrace);
    EXPECT_SAME_VALUE(our::HvmCommand::GetMemType, HVMOP_get_mem_type);
    EXPECT_SAME_VALUE(our::HvmCommand::SetEvtchnUpcallVector, HVMOP_set_evtchn_upcall_vector);
    EXPECT_SAME_VALUE(our::HvmCommand::GuestRequestVmEvent, HVMOP_guest_request_vm_event);
    EXPECT_SAME_VALUE(our::HvmCommand::Altp2m, HVMOP_altp2m);
    EXPECT_SAME_VALUE(our::HvmParamId::CallbackIrq, HVM_PARAM_CALLBACK_IRQ);
    EXPECT_SAME_VALUE(our::HvmParamId::StorePfn, HVM_PARAM_STORE_PFN);
    EXPECT_SAME_VALUE(our::HvmParamId::StoreEvtchn, HVM_PARAM_STORE_EVTCHN);
    EXPECT_SAME_VALUE(our::HvmParamId::IoreqPfn, HVM_PARAM_IOREQ_PFN);
    EXPECT_SAME_VALUE(our::HvmParamId::BufioreqPfn, HVM_PARAM_BUFIOREQ_PFN);
    EXPECT_SAME_VALUE(our::HvmParamId::Viridian, HVM_PARAM_VIRIDIAN);
    EXPECT_SAME_VALUE(our::HvmParamId::TimerMode, HVM_PARAM_TIMER_MODE);
    EXPECT_SAME_VALUE(our::HvmParamId::HpetEnabled, HVM_PARAM_HPET_ENABLED);
    EXPECT_SAME_VALUE(our::HvmParamId::IdentPt, HVM_PARAM_IDENT_PT);
    EXPECT_SAME_VALUE(our::HvmParamId::AcpiSState, HVM_PARAM_ACPI_S_STATE);
    EXPECT_SAME_VALUE(our::HvmParamId::Vm86Tss, HVM_PARAM_VM86_TSS);
    EXPECT_SAME_VALUE(our::HvmParamId::VptAlign, HVM_PARAM_VPT_ALIGN);
    EXPECT_SAME_VALUE(our::HvmParamId::ConsolePfn, HVM_PARAM_CONSOLE_PFN);
    EXPECT_SAME_VALUE(our::HvmParamId::ConsoleEvtchn, HVM_PARAM_CONSOLE_EVTCHN);
    EXPECT_SAME_VALUE(our::HvmParamId::AcpiIoportsLocation, HVM_PARAM_ACPI_IOPORTS_LOCATION);
    EXPECT_SAME_VALUE(our::HvmParamId::PagingRingPfn, HVM_PARAM_PAGING_RING_PFN);
    EXPECT_SAME_VALUE(our::HvmParamId::MonitorRingPfn, HVM_PARAM_MONITOR_RING_PFN);
    EXPECT_SAME_VALUE(our::HvmParamId::SharingRingPfn, HVM_PARAM_SHARING_RING_PFN);
    EXPECT_SAME_VALUE(our::HvmParamId::TripleFaultReason, HVM_PARAM_TRIPLE_FAULT_REASON);
    EXPECT_SAME_VALUE(our::HvmParamId::IoreqServerPfn, HVM_PARAM_IOREQ_SERVER_PFN);
    EXPECT_SAME_VALUE(our::HvmParamId::IoreqServerPages, HVM_PARAM_NR_IOREQ_SERVER_PAGES);
    EXPECT_SAME_VALUE(our::HvmParamId::VmGenerationIdAddr, HVM_PARAM_VM_GENERATION_ID_ADDR);
    EXPECT_SAME_VALUE(our::HvmParamId::Altp2m, HVM_PARAM_ALTP2M);
    EXPECT_SAME_VALUE(our::HvmParamId::X87FipWidth, HVM_PARAM_X87_FIP_WIDTH);
    EXPECT_SAME_VALUE(our::HvmParamId::Vm86TssSized, HVM_PARAM_VM86_TSS_SIZED);
    EXPECT_SAME_VALUE(our::HvmParamId::McaCap, HVM_PARAM_MCA_CAP);
    EXPECT_SAME_VALUE(our::HvmCallbackType::Gsi, HVM_PARAM_CALLBACK_TYPE_GSI);
    EXPECT_SAME_VALUE(our::HvmCallbackType::PciIntx, HVM_PARAM_CALLBACK_TYPE_PCI_INTX);
    EXPECT_SAME_VALUE(our::HvmCallbackType::Vector, HVM_PARAM_CALLBACK_TYPE_VECTOR);
    EXPECT_SAME_VALUE(our::HvmMemType::RamRw, HVMMEM_ram_rw);
    EXPECT_SAME_VALUE(our::HvmMemType::RamRo, HVMMEM_ram_ro);
    EXPECT_SAME_VALUE(our::HvmMemType::MmioDm, HVMMEM_mmio_dm);
    EXPECT_SAME_VALUE(our::HvmMemType::Unused, HVMMEM_unused);
    EXPECT_SAME_VALUE(our::HvmMemType::IoreqServer, HVMMEM_ioreq_server);
    EXPECT_SAME_VALUE(our::HvmMemmapType::Ram, XEN_HVM_MEMMAP_TYPE_RAM);
    EXPECT_SAME_VALUE(our::HvmMemmapType::Reserved, XEN_HVM_MEMMAP_TYPE_RESERVED);
    EXPECT_SAME_VALUE(our::HvmMemmapType::Acpi, XEN_HVM_MEMMAP_TYPE_ACPI);
    EXPECT_SAME_VALUE(our::HvmMemmapType::Nvs, XEN_HVM_MEMMAP_TYPE_NVS);
    EXPECT_SAME_VALUE(our::HvmMemmapType::Unusable, XEN_HVM_MEMMAP_TYPE_UNUSABLE);
    EXPECT_SAME_VALUE(our::HvmMemmapType::Disabled, XEN_HVM_MEMMAP_TYPE_DISABLED);
    EXPECT_SAME_VALUE(our::HvmMemmapType::Pmem, XEN_HVM_MEMMAP_TYPE_PMEM);
    EXPECT_SAME_VALUE(our::kHvmParamCount, HVM_NR_PARAMS);
    EXPECT_SAME_VALUE(our::kHvmStartMagic, XEN_HVM_START_MAGIC_VALUE);
}

TEST(XenHvm, Structures) {
    EXPECT_SAME_SIZE(our::HvmParam, xen_hvm_param);
    EXPECT_SAME_OFFSET(our::HvmParam, domid, xen_hvm_param, domid);
    EXPECT_SAME_OFFSET(our::HvmParam, index, xen_hvm_param, index);
    EXPECT_SAME_OFFSET(our::HvmParam, value, xen_hvm_param, value);
    EXPECT_SAME_SIZE(our::HvmGetMemType, xen_hvm_get_mem_type);
    EXPECT_SAME_OFFSET(our::HvmGetMemType, domid, xen_hvm_get_mem_type, domid);
    EXPECT_SAME_OFFSET(our::HvmGetMemType, mem_type, xen_hvm_get_mem_type, mem_type);
    EXPECT_SAME_OFFSET(our::HvmGetMemType, pfn, xen_hvm_get_mem_type, pfn);
    EXPECT_SAME_SIZE(our::HvmPagetableDying, xen_hvm_pagetable_dying);
    EXPECT_SAME_OFFSET(our::HvmPagetableDying, domid, xen_hvm_pagetable_dying, domid);
    EXPECT_SAME_OFFSET(our::HvmPagetableDying, gpa, xen_hvm_pagetable_dying, gpa);
    EXPECT_SAME_SIZE(our::HvmGetTime, xen_hvm_get_time);
    EXPECT_SAME_OFFSET(our::HvmGetTime, now, xen_hvm_get_time, now);
    EXPECT_SAME_SIZE(our::HvmEvtchnUpcallVector, xen_hvm_evtchn_upcall_vector);
    EXPECT_SAME_OFFSET(our::HvmEvtchnUpcallVector, vcpu, xen_hvm_evtchn_upcall_vector, vcpu);
    EXPECT_SAME_OFFSET(our::HvmEvtchnUpcallVector, vector, xen_hvm_evtchn_upcall_vector, vector);
    EXPECT_SAME_SIZE(our::HvmStartInfo, hvm_start_info);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, magic, hvm_start_info, magic);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, version, hvm_start_info, version);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, flags, hvm_start_info, flags);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, nr_modules, hvm_start_info, nr_modules);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, modlist_paddr, hvm_start_info, modlist_paddr);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, cmdline_paddr, hvm_start_info, cmdline_paddr);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, rsdp_paddr, hvm_start_info, rsdp_paddr);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, memmap_paddr, hvm_start_info, memmap_paddr);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, memmap_entries, hvm_start_info, memmap_entries);
    EXPECT_SAME_OFFSET(our::HvmStartInfo, reserved, hvm_start_info, reserved);
    EXPECT_SAME_SIZE(our::HvmModule, hvm_modlist_entry);
    EXPECT_SAME_OFFSET(our::HvmModule, paddr, hvm_modlist_entry, paddr);
    EXPECT_SAME_OFFSET(our::HvmModule, size, hvm_modlist_entry, size);
    EXPECT_SAME_OFFSET(our::HvmModule, cmdline_paddr, hvm_modlist_entry, cmdline_paddr);
    EXPECT_SAME_OFFSET(our::HvmModule, reserved, hvm_modlist_entry, reserved);
    EXPECT_SAME_SIZE(our::HvmMemmapEntry, hvm_memmap_table_entry);
    EXPECT_SAME_OFFSET(our::HvmMemmapEntry, addr, hvm_memmap_table_entry, addr);
    EXPECT_SAME_OFFSET(our::HvmMemmapEntry, size, hvm_memmap_table_entry, size);
    EXPECT_SAME_OFFSET(our::HvmMemmapEntry, type, hvm_memmap_table_entry, type);
    EXPECT_SAME_OFFSET(our::HvmMemmapEntry, reserved, hvm_memmap_table_entry, reserved);
}
