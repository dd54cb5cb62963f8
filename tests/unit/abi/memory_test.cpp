#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/memory.h>
}

#include "hv/abi/xen/memory.hpp"

namespace our = hv::abi::xen;

TEST(XenMemory, Commands) {
    EXPECT_SAME_VALUE(our::MemoryCommand::IncreaseReservation, XENMEM_increase_reservation);
    EXPECT_SAME_VALUE(our::MemoryCommand::DecreaseReservation, XENMEM_decrease_reservation);
    EXPECT_SAME_VALUE(our::MemoryCommand::MaximumRamPage, XENMEM_maximum_ram_page);
    EXPECT_SAME_VALUE(our::MemoryCommand::CurrentReservation, XENMEM_current_reservation);
    EXPECT_SAME_VALUE(our::MemoryCommand::MaximumReservation, XENMEM_maximum_reservation);
    EXPECT_SAME_VALUE(our::MemoryCommand::MachphysMfnList, XENMEM_machphys_mfn_list);
    EXPECT_SAME_VALUE(our::MemoryCommand::PopulatePhysmap, XENMEM_populate_physmap);
    EXPECT_SAME_VALUE(our::MemoryCommand::AddToPhysmap, XENMEM_add_to_physmap);
    EXPECT_SAME_VALUE(our::MemoryCommand::MemoryMap, XENMEM_memory_map);
    EXPECT_SAME_VALUE(our::MemoryCommand::MachineMemoryMap, XENMEM_machine_memory_map);
    EXPECT_SAME_VALUE(our::MemoryCommand::Exchange, XENMEM_exchange);
    EXPECT_SAME_VALUE(our::MemoryCommand::MachphysMapping, XENMEM_machphys_mapping);
    EXPECT_SAME_VALUE(our::MemoryCommand::SetMemoryMap, XENMEM_set_memory_map);
    EXPECT_SAME_VALUE(our::MemoryCommand::MaximumGpfn, XENMEM_maximum_gpfn);
    EXPECT_SAME_VALUE(our::MemoryCommand::RemoveFromPhysmap, XENMEM_remove_from_physmap);
    EXPECT_SAME_VALUE(our::MemoryCommand::SetPodTarget, XENMEM_set_pod_target);
    EXPECT_SAME_VALUE(our::MemoryCommand::GetPodTarget, XENMEM_get_pod_target);
    EXPECT_SAME_VALUE(our::MemoryCommand::GetSharingFreedPages, XENMEM_get_sharing_freed_pages);
    EXPECT_SAME_VALUE(our::MemoryCommand::GetSharingSharedPages, XENMEM_get_sharing_shared_pages);
    EXPECT_SAME_VALUE(our::MemoryCommand::PagingOp, XENMEM_paging_op);
    EXPECT_SAME_VALUE(our::MemoryCommand::AccessOp, XENMEM_access_op);
    EXPECT_SAME_VALUE(our::MemoryCommand::SharingOp, XENMEM_sharing_op);
    EXPECT_SAME_VALUE(our::MemoryCommand::AddToPhysmapBatch, XENMEM_add_to_physmap_batch);
    EXPECT_SAME_VALUE(our::MemoryCommand::ClaimPages, XENMEM_claim_pages);
    EXPECT_SAME_VALUE(our::MemoryCommand::MachphysCompatMfnList, XENMEM_machphys_compat_mfn_list);
    EXPECT_SAME_VALUE(our::MemoryCommand::GetVnumainfo, XENMEM_get_vnumainfo);
    EXPECT_SAME_VALUE(our::MemoryCommand::ReservedDeviceMemoryMap, XENMEM_reserved_device_memory_map);
    EXPECT_SAME_VALUE(our::MemoryCommand::AcquireResource, XENMEM_acquire_resource);
}

TEST(XenMemory, Structures) {
    EXPECT_SAME_SIZE(our::MemoryReservation, xen_memory_reservation);
    EXPECT_SAME_OFFSET(our::MemoryReservation, extent_start, xen_memory_reservation, extent_start);
    EXPECT_SAME_OFFSET(our::MemoryReservation, nr_extents, xen_memory_reservation, nr_extents);
    EXPECT_SAME_OFFSET(our::MemoryReservation, extent_order, xen_memory_reservation, extent_order);
    EXPECT_SAME_OFFSET(our::MemoryReservation, mem_flags, xen_memory_reservation, mem_flags);
    EXPECT_SAME_OFFSET(our::MemoryReservation, domid, xen_memory_reservation, domid);
    EXPECT_SAME_SIZE(our::MemoryExchange, xen_memory_exchange);
    EXPECT_SAME_OFFSET(our::MemoryExchange, in, xen_memory_exchange, in);
    EXPECT_SAME_OFFSET(our::MemoryExchange, out, xen_memory_exchange, out);
    EXPECT_SAME_OFFSET(our::MemoryExchange, nr_exchanged, xen_memory_exchange, nr_exchanged);
    EXPECT_SAME_SIZE(our::MemoryDomain, xen_memory_domain);
    EXPECT_SAME_OFFSET(our::MemoryDomain, domid, xen_memory_domain, domid);
    EXPECT_SAME_SIZE(our::MachphysMfnList, xen_machphys_mfn_list);
    EXPECT_SAME_OFFSET(our::MachphysMfnList, max_extents, xen_machphys_mfn_list, max_extents);
    EXPECT_SAME_OFFSET(our::MachphysMfnList, extent_start, xen_machphys_mfn_list, extent_start);
    EXPECT_SAME_OFFSET(our::MachphysMfnList, nr_extents, xen_machphys_mfn_list, nr_extents);
    EXPECT_SAME_SIZE(our::MachphysMapping, xen_machphys_mapping);
    EXPECT_SAME_OFFSET(our::MachphysMapping, v_start, xen_machphys_mapping, v_start);
    EXPECT_SAME_OFFSET(our::MachphysMapping, v_end, xen_machphys_mapping, v_end);
    EXPECT_SAME_OFFSET(our::MachphysMapping, max_mfn, xen_machphys_mapping, max_mfn);
    EXPECT_SAME_SIZE(our::AddToPhysmap, xen_add_to_physmap);
    EXPECT_SAME_OFFSET(our::AddToPhysmap, domid, xen_add_to_physmap, domid);
    EXPECT_SAME_OFFSET(our::AddToPhysmap, size, xen_add_to_physmap, size);
    EXPECT_SAME_OFFSET(our::AddToPhysmap, space, xen_add_to_physmap, space);
    EXPECT_SAME_OFFSET(our::AddToPhysmap, idx, xen_add_to_physmap, idx);
    EXPECT_SAME_OFFSET(our::AddToPhysmap, gpfn, xen_add_to_physmap, gpfn);
    EXPECT_SAME_SIZE(our::AddToPhysmapBatch, xen_add_to_physmap_batch);
    EXPECT_SAME_OFFSET(our::AddToPhysmapBatch, domid, xen_add_to_physmap_batch, domid);
    EXPECT_SAME_OFFSET(our::AddToPhysmapBatch, space, xen_add_to_physmap_batch, space);
    EXPECT_SAME_OFFSET(our::AddToPhysmapBatch, size, xen_add_to_physmap_batch, size);
    EXPECT_SAME_OFFSET(our::AddToPhysmapBatch, foreign_domid, xen_add_to_physmap_batch, u.foreign_domid);
    EXPECT_SAME_OFFSET(our::AddToPhysmapBatch, idxs, xen_add_to_physmap_batch, idxs);
    EXPECT_SAME_OFFSET(our::AddToPhysmapBatch, gpfns, xen_add_to_physmap_batch, gpfns);
    EXPECT_SAME_OFFSET(our::AddToPhysmapBatch, errs, xen_add_to_physmap_batch, errs);
    EXPECT_SAME_SIZE(our::RemoveFromPhysmap, xen_remove_from_physmap);
    EXPECT_SAME_OFFSET(our::RemoveFromPhysmap, domid, xen_remove_from_physmap, domid);
    EXPECT_SAME_OFFSET(our::RemoveFromPhysmap, gpfn, xen_remove_from_physmap, gpfn);
    EXPECT_SAME_SIZE(our::MemoryMap, xen_memory_map);
    EXPECT_SAME_OFFSET(our::MemoryMap, nr_entries, xen_memory_map, nr_entries);
    EXPECT_SAME_OFFSET(our::MemoryMap, buffer, xen_memory_map, buffer);
    EXPECT_SAME_SIZE(our::ForeignMemoryMap, xen_foreign_memory_map);
    EXPECT_SAME_OFFSET(our::ForeignMemoryMap, domid, xen_foreign_memory_map, domid);
    EXPECT_SAME_OFFSET(our::ForeignMemoryMap, map, xen_foreign_memory_map, map);
    EXPECT_SAME_SIZE(our::AcquireResource, xen_mem_acquire_resource);
    EXPECT_SAME_OFFSET(our::AcquireResource, domid, xen_mem_acquire_resource, domid);
    EXPECT_SAME_OFFSET(our::AcquireResource, type, xen_mem_acquire_resource, type);
    EXPECT_SAME_OFFSET(our::AcquireResource, id, xen_mem_acquire_resource, id);
    EXPECT_SAME_OFFSET(our::AcquireResource, nr_frames, xen_mem_acquire_resource, nr_frames);
    EXPECT_SAME_OFFSET(our::AcquireResource, pad, xen_mem_acquire_resource, pad);
    EXPECT_SAME_OFFSET(our::AcquireResource, frame, xen_mem_acquire_resource, frame);
    EXPECT_SAME_OFFSET(our::AcquireResource, frame_list, xen_mem_acquire_resource, frame_list);
}

TEST(XenMemory, Constants) {
    EXPECT_SAME_VALUE(our::MapSpace::SharedInfo, XENMAPSPACE_shared_info);
    EXPECT_SAME_VALUE(our::MapSpace::GrantTable, XENMAPSPACE_grant_table);
    EXPECT_SAME_VALUE(our::MapSpace::Gmfn, XENMAPSPACE_gmfn);
    EXPECT_SAME_VALUE(our::MapSpace::GmfnRange, XENMAPSPACE_gmfn_range);
    EXPECT_SAME_VALUE(our::MapSpace::GmfnForeign, XENMAPSPACE_gmfn_foreign);
    EXPECT_SAME_VALUE(our::MapSpace::DevMmio, XENMAPSPACE_dev_mmio);
    EXPECT_SAME_VALUE(our::ResourceType::IoreqServer, XENMEM_resource_ioreq_server);
    EXPECT_SAME_VALUE(our::ResourceType::GrantTable, XENMEM_resource_grant_table);
    EXPECT_SAME_VALUE(our::ResourceType::VmtraceBuf, XENMEM_resource_vmtrace_buf);
    EXPECT_SAME_VALUE(our::kMapIdxGrantTableStatus, XENMAPIDX_grant_table_status);
    EXPECT_SAME_VALUE(our::kResourceGrantTableShared, XENMEM_resource_grant_table_id_shared);
    EXPECT_SAME_VALUE(our::kResourceGrantTableStatus, XENMEM_resource_grant_table_id_status);
    EXPECT_SAME_VALUE(our::kMemfAddressBitsMask, XENMEMF_get_address_bits(~0u));
    EXPECT_SAME_VALUE(our::kMemfPopulateOnDemand, XENMEMF_populate_on_demand);
    EXPECT_SAME_VALUE(our::kMemfExactNode, XENMEMF_exact_node_request);
    EXPECT_SAME_VALUE(our::kMemfVnode, XENMEMF_vnode);
    EXPECT_EQ((3u + 1) << our::kMemfNodeShift, static_cast<unsigned>(XENMEMF_node(3)));
}
