#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/version.h>
}

#include "hv/abi/xen/hypercall.hpp"
#include "hv/abi/xen/multicall.hpp"
#include "hv/abi/xen/version.hpp"

namespace our = hv::abi::xen;

TEST(XenHypercall, Numbers) {
    EXPECT_SAME_VALUE(our::HypercallId::SetTrapTable, __HYPERVISOR_set_trap_table);
    EXPECT_SAME_VALUE(our::HypercallId::MmuUpdate, __HYPERVISOR_mmu_update);
    EXPECT_SAME_VALUE(our::HypercallId::SetGdt, __HYPERVISOR_set_gdt);
    EXPECT_SAME_VALUE(our::HypercallId::StackSwitch, __HYPERVISOR_stack_switch);
    EXPECT_SAME_VALUE(our::HypercallId::SetCallbacks, __HYPERVISOR_set_callbacks);
    EXPECT_SAME_VALUE(our::HypercallId::FpuTaskswitch, __HYPERVISOR_fpu_taskswitch);
    EXPECT_SAME_VALUE(our::HypercallId::SchedOpCompat, __HYPERVISOR_sched_op_compat);
    EXPECT_SAME_VALUE(our::HypercallId::PlatformOp, __HYPERVISOR_platform_op);
    EXPECT_SAME_VALUE(our::HypercallId::SetDebugreg, __HYPERVISOR_set_debugreg);
    EXPECT_SAME_VALUE(our::HypercallId::GetDebugreg, __HYPERVISOR_get_debugreg);
    EXPECT_SAME_VALUE(our::HypercallId::UpdateDescriptor, __HYPERVISOR_update_descriptor);
    EXPECT_SAME_VALUE(our::HypercallId::MemoryOp, __HYPERVISOR_memory_op);
    EXPECT_SAME_VALUE(our::HypercallId::Multicall, __HYPERVISOR_multicall);
    EXPECT_SAME_VALUE(our::HypercallId::UpdateVaMapping, __HYPERVISOR_update_va_mapping);
    EXPECT_SAME_VALUE(our::HypercallId::SetTimerOp, __HYPERVISOR_set_timer_op);
    EXPECT_SAME_VALUE(our::HypercallId::EventChannelOpCompat, __HYPERVISOR_event_channel_op_compat);
    EXPECT_SAME_VALUE(our::HypercallId::XenVersion, __HYPERVISOR_xen_version);
    EXPECT_SAME_VALUE(our::HypercallId::ConsoleIo, __HYPERVISOR_console_io);
    EXPECT_SAME_VALUE(our::HypercallId::PhysdevOpCompat, __HYPERVISOR_physdev_op_compat);
    EXPECT_SAME_VALUE(our::HypercallId::GrantTableOp, __HYPERVISOR_grant_table_op);
    EXPECT_SAME_VALUE(our::HypercallId::VmAssist, __HYPERVISOR_vm_assist);
    EXPECT_SAME_VALUE(our::HypercallId::UpdateVaMappingOtherdomain, __HYPERVISOR_update_va_mapping_otherdomain);
    EXPECT_SAME_VALUE(our::HypercallId::Iret, __HYPERVISOR_iret);
    EXPECT_SAME_VALUE(our::HypercallId::VcpuOp, __HYPERVISOR_vcpu_op);
    EXPECT_SAME_VALUE(our::HypercallId::SetSegmentBase, __HYPERVISOR_set_segment_base);
    EXPECT_SAME_VALUE(our::HypercallId::MmuextOp, __HYPERVISOR_mmuext_op);
    EXPECT_SAME_VALUE(our::HypercallId::XsmOp, __HYPERVISOR_xsm_op);
    EXPECT_SAME_VALUE(our::HypercallId::NmiOp, __HYPERVISOR_nmi_op);
    EXPECT_SAME_VALUE(our::HypercallId::SchedOp, __HYPERVISOR_sched_op);
    EXPECT_SAME_VALUE(our::HypercallId::CallbackOp, __HYPERVISOR_callback_op);
    EXPECT_SAME_VALUE(our::HypercallId::XenoprofOp, __HYPERVISOR_xenoprof_op);
    EXPECT_SAME_VALUE(our::HypercallId::EventChannelOp, __HYPERVISOR_event_channel_op);
    EXPECT_SAME_VALUE(our::HypercallId::PhysdevOp, __HYPERVISOR_physdev_op);
    EXPECT_SAME_VALUE(our::HypercallId::HvmOp, __HYPERVISOR_hvm_op);
    EXPECT_SAME_VALUE(our::HypercallId::Sysctl, __HYPERVISOR_sysctl);
    EXPECT_SAME_VALUE(our::HypercallId::Domctl, __HYPERVISOR_domctl);
    EXPECT_SAME_VALUE(our::HypercallId::KexecOp, __HYPERVISOR_kexec_op);
    EXPECT_SAME_VALUE(our::HypercallId::TmemOp, __HYPERVISOR_tmem_op);
    EXPECT_SAME_VALUE(our::HypercallId::ArgoOp, __HYPERVISOR_argo_op);
    EXPECT_SAME_VALUE(our::HypercallId::XenpmuOp, __HYPERVISOR_xenpmu_op);
    EXPECT_SAME_VALUE(our::HypercallId::DmOp, __HYPERVISOR_dm_op);
    EXPECT_SAME_VALUE(our::HypercallId::HypfsOp, __HYPERVISOR_hypfs_op);
    EXPECT_SAME_VALUE(our::HypercallId::Arch0, __HYPERVISOR_arch_0);
    EXPECT_SAME_VALUE(our::HypercallId::Arch1, __HYPERVISOR_arch_1);
    EXPECT_SAME_VALUE(our::HypercallId::Arch2, __HYPERVISOR_arch_2);
    EXPECT_SAME_VALUE(our::HypercallId::Arch3, __HYPERVISOR_arch_3);
    EXPECT_SAME_VALUE(our::HypercallId::Arch4, __HYPERVISOR_arch_4);
    EXPECT_SAME_VALUE(our::HypercallId::Arch5, __HYPERVISOR_arch_5);
    EXPECT_SAME_VALUE(our::HypercallId::Arch6, __HYPERVISOR_arch_6);
    EXPECT_SAME_VALUE(our::HypercallId::Arch7, __HYPERVISOR_arch_7);
}

TEST(XenHypercall, Multicall) {
    EXPECT_SAME_SIZE(our::MulticallEntry, multicall_entry);
    EXPECT_SAME_OFFSET(our::MulticallEntry, op, multicall_entry, op);
    EXPECT_SAME_OFFSET(our::MulticallEntry, result, multicall_entry, result);
    EXPECT_SAME_OFFSET(our::MulticallEntry, args, multicall_entry, args);
}

TEST(XenVersion, Commands) {
    EXPECT_SAME_VALUE(our::VersionCommand::Version, XENVER_version);
    EXPECT_SAME_VALUE(our::VersionCommand::Extraversion, XENVER_extraversion);
    EXPECT_SAME_VALUE(our::VersionCommand::CompileInfo, XENVER_compile_info);
    EXPECT_SAME_VALUE(our::VersionCommand::Capabilities, XENVER_capabilities);
    EXPECT_SAME_VALUE(our::VersionCommand::Changeset, XENVER_changeset);
    EXPECT_SAME_VALUE(our::VersionCommand::PlatformParameters, XENVER_platform_parameters);
    EXPECT_SAME_VALUE(our::VersionCommand::GetFeatures, XENVER_get_features);
    EXPECT_SAME_VALUE(our::VersionCommand::Pagesize, XENVER_pagesize);
    EXPECT_SAME_VALUE(our::VersionCommand::GuestHandle, XENVER_guest_handle);
    EXPECT_SAME_VALUE(our::VersionCommand::Commandline, XENVER_commandline);
    EXPECT_SAME_VALUE(our::VersionCommand::BuildId, XENVER_build_id);
}

TEST(XenVersion, Structures) {
    EXPECT_SAME_SIZE(our::CompileInfo, xen_compile_info);
    EXPECT_SAME_OFFSET(our::CompileInfo, compiler, xen_compile_info, compiler);
    EXPECT_SAME_OFFSET(our::CompileInfo, compile_by, xen_compile_info, compile_by);
    EXPECT_SAME_OFFSET(our::CompileInfo, compile_domain, xen_compile_info, compile_domain);
    EXPECT_SAME_OFFSET(our::CompileInfo, compile_date, xen_compile_info, compile_date);
    EXPECT_SAME_SIZE(our::PlatformParameters, xen_platform_parameters);
    EXPECT_SAME_OFFSET(our::PlatformParameters, virt_start, xen_platform_parameters, virt_start);
    EXPECT_SAME_SIZE(our::FeatureInfo, xen_feature_info);
    EXPECT_SAME_OFFSET(our::FeatureInfo, submap_index, xen_feature_info, submap_idx);
    EXPECT_SAME_OFFSET(our::FeatureInfo, submap, xen_feature_info, submap);
    EXPECT_EQ(sizeof(our::BuildIdHeader), offsetof(xen_build_id, buf));
    EXPECT_SAME_VALUE(our::kExtraversionLength, XEN_EXTRAVERSION_LEN);
    EXPECT_SAME_VALUE(our::kCapabilitiesLength, XEN_CAPABILITIES_INFO_LEN);
    EXPECT_SAME_VALUE(our::kChangesetLength, XEN_CHANGESET_INFO_LEN);
    EXPECT_SAME_VALUE(our::kCommandlineLength, sizeof(xen_commandline_t));
}

TEST(XenVersion, Features) {
    EXPECT_SAME_VALUE(our::Feature::WritablePageTables, XENFEAT_writable_page_tables);
    EXPECT_SAME_VALUE(our::Feature::WritableDescriptorTables, XENFEAT_writable_descriptor_tables);
    EXPECT_SAME_VALUE(our::Feature::AutoTranslatedPhysmap, XENFEAT_auto_translated_physmap);
    EXPECT_SAME_VALUE(our::Feature::SupervisorModeKernel, XENFEAT_supervisor_mode_kernel);
    EXPECT_SAME_VALUE(our::Feature::PaePgdirAbove4gb, XENFEAT_pae_pgdir_above_4gb);
    EXPECT_SAME_VALUE(our::Feature::MmuPtUpdatePreserveAd, XENFEAT_mmu_pt_update_preserve_ad);
    EXPECT_SAME_VALUE(our::Feature::HighmemAssist, XENFEAT_highmem_assist);
    EXPECT_SAME_VALUE(our::Feature::GnttabMapAvailBits, XENFEAT_gnttab_map_avail_bits);
    EXPECT_SAME_VALUE(our::Feature::HvmCallbackVector, XENFEAT_hvm_callback_vector);
    EXPECT_SAME_VALUE(our::Feature::HvmSafePvclock, XENFEAT_hvm_safe_pvclock);
    EXPECT_SAME_VALUE(our::Feature::HvmPirqs, XENFEAT_hvm_pirqs);
    EXPECT_SAME_VALUE(our::Feature::Dom0, XENFEAT_dom0);
    EXPECT_SAME_VALUE(our::Feature::MemoryOpVnodeSupported, XENFEAT_memory_op_vnode_supported);
    EXPECT_SAME_VALUE(our::Feature::ArmSmcccSupported, XENFEAT_ARM_SMCCC_supported);
    EXPECT_SAME_VALUE(our::Feature::LinuxRsdpUnrestricted, XENFEAT_linux_rsdp_unrestricted);
    EXPECT_SAME_VALUE(our::Feature::NotDirectMapped, XENFEAT_not_direct_mapped);
    EXPECT_SAME_VALUE(our::Feature::DirectMapped, XENFEAT_direct_mapped);
    EXPECT_SAME_VALUE(our::kFeatureSubmaps, XENFEAT_NR_SUBMAPS);
}
