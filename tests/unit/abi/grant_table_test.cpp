#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/grant_table.h>
}

#include "hv/abi/xen/grant_table.hpp"

namespace our = hv::abi::xen;

TEST(XenGrantTable, Entries) {
    EXPECT_SAME_SIZE(our::GrantEntryV1, grant_entry_v1);
    EXPECT_SAME_OFFSET(our::GrantEntryV1, flags, grant_entry_v1, flags);
    EXPECT_SAME_OFFSET(our::GrantEntryV1, domid, grant_entry_v1, domid);
    EXPECT_SAME_OFFSET(our::GrantEntryV1, frame, grant_entry_v1, frame);
    EXPECT_SAME_SIZE(our::GrantEntryHeader, grant_entry_header);
    EXPECT_SAME_OFFSET(our::GrantEntryHeader, flags, grant_entry_header, flags);
    EXPECT_SAME_OFFSET(our::GrantEntryHeader, domid, grant_entry_header, domid);
    EXPECT_SAME_SIZE(our::GrantEntryV2, grant_entry_v2);
    EXPECT_SAME_OFFSET(our::GrantEntryV2, header, grant_entry_v2, hdr);
    EXPECT_SAME_OFFSET(our::GrantEntryV2, full_page.frame, grant_entry_v2, full_page.frame);
    EXPECT_SAME_OFFSET(our::GrantEntryV2, sub_page.page_off, grant_entry_v2, sub_page.page_off);
    EXPECT_SAME_OFFSET(our::GrantEntryV2, sub_page.length, grant_entry_v2, sub_page.length);
    EXPECT_SAME_OFFSET(our::GrantEntryV2, sub_page.frame, grant_entry_v2, sub_page.frame);
    EXPECT_SAME_OFFSET(our::GrantEntryV2, transitive.trans_domid, grant_entry_v2, transitive.trans_domid);
    EXPECT_SAME_OFFSET(our::GrantEntryV2, transitive.gref, grant_entry_v2, transitive.gref);
    EXPECT_SAME_SIZE(our::GrantStatus, grant_status_t);
    EXPECT_SAME_VALUE(our::kGtfInvalid, GTF_invalid);
    EXPECT_SAME_VALUE(our::kGtfPermitAccess, GTF_permit_access);
    EXPECT_SAME_VALUE(our::kGtfAcceptTransfer, GTF_accept_transfer);
    EXPECT_SAME_VALUE(our::kGtfTransitive, GTF_transitive);
    EXPECT_SAME_VALUE(our::kGtfTypeMask, GTF_type_mask);
    EXPECT_SAME_VALUE(our::kGtfReadonly, GTF_readonly);
    EXPECT_SAME_VALUE(our::kGtfReading, GTF_reading);
    EXPECT_SAME_VALUE(our::kGtfWriting, GTF_writing);
    EXPECT_SAME_VALUE(our::kGtfPwt, GTF_PWT);
    EXPECT_SAME_VALUE(our::kGtfPcd, GTF_PCD);
    EXPECT_SAME_VALUE(our::kGtfPat, GTF_PAT);
    EXPECT_SAME_VALUE(our::kGtfSubPage, GTF_sub_page);
    EXPECT_SAME_VALUE(our::kGtfTransferCommitted, GTF_transfer_committed);
    EXPECT_SAME_VALUE(our::kGtfTransferCompleted, GTF_transfer_completed);
    EXPECT_SAME_VALUE(our::kGrantReservedEntries, GNTTAB_NR_RESERVED_ENTRIES);
    EXPECT_SAME_VALUE(our::kGrantReservedConsole, GNTTAB_RESERVED_CONSOLE);
    EXPECT_SAME_VALUE(our::kGrantReservedXenstore, GNTTAB_RESERVED_XENSTORE);
}

TEST(XenGrantTable, Commands) {
    EXPECT_SAME_VALUE(our::GrantCommand::MapGrantRef, GNTTABOP_map_grant_ref);
    EXPECT_SAME_VALUE(our::GrantCommand::UnmapGrantRef, GNTTABOP_unmap_grant_ref);
    EXPECT_SAME_VALUE(our::GrantCommand::SetupTable, GNTTABOP_setup_table);
    EXPECT_SAME_VALUE(our::GrantCommand::DumpTable, GNTTABOP_dump_table);
    EXPECT_SAME_VALUE(our::GrantCommand::Transfer, GNTTABOP_transfer);
    EXPECT_SAME_VALUE(our::GrantCommand::Copy, GNTTABOP_copy);
    EXPECT_SAME_VALUE(our::GrantCommand::QuerySize, GNTTABOP_query_size);
    EXPECT_SAME_VALUE(our::GrantCommand::UnmapAndReplace, GNTTABOP_unmap_and_replace);
    EXPECT_SAME_VALUE(our::GrantCommand::SetVersion, GNTTABOP_set_version);
    EXPECT_SAME_VALUE(our::GrantCommand::GetStatusFrames, GNTTABOP_get_status_frames);
    EXPECT_SAME_VALUE(our::GrantCommand::GetVersion, GNTTABOP_get_version);
    EXPECT_SAME_VALUE(our::GrantCommand::SwapGrantRef, GNTTABOP_swap_grant_ref);
    EXPECT_SAME_VALUE(our::GrantCommand::CacheFlush, GNTTABOP_cache_flush);
    EXPECT_SAME_VALUE(our::GrantResult::Okay, GNTST_okay);
    EXPECT_SAME_VALUE(our::GrantResult::GeneralError, GNTST_general_error);
    EXPECT_SAME_VALUE(our::GrantResult::BadDomain, GNTST_bad_domain);
    EXPECT_SAME_VALUE(our::GrantResult::BadGntref, GNTST_bad_gntref);
    EXPECT_SAME_VALUE(our::GrantResult::BadHandle, GNTST_bad_handle);
    EXPECT_SAME_VALUE(our::GrantResult::BadVirtAddr, GNTST_bad_virt_addr);
    EXPECT_SAME_VALUE(our::GrantResult::BadDevAddr, GNTST_bad_dev_addr);
    EXPECT_SAME_VALUE(our::GrantResult::NoDeviceSpace, GNTST_no_device_space);
    EXPECT_SAME_VALUE(our::GrantResult::PermissionDenied, GNTST_permission_denied);
    EXPECT_SAME_VALUE(our::GrantResult::BadPage, GNTST_bad_page);
    EXPECT_SAME_VALUE(our::GrantResult::BadCopyArg, GNTST_bad_copy_arg);
    EXPECT_SAME_VALUE(our::GrantResult::AddressTooBig, GNTST_address_too_big);
    EXPECT_SAME_VALUE(our::GrantResult::Eagain, GNTST_eagain);
    EXPECT_SAME_VALUE(our::GrantResult::NoSpace, GNTST_no_space);
    EXPECT_SAME_VALUE(our::kGntmapDeviceMap, GNTMAP_device_map);
    EXPECT_SAME_VALUE(our::kGntmapHostMap, GNTMAP_host_map);
    EXPECT_SAME_VALUE(our::kGntmapReadonly, GNTMAP_readonly);
    EXPECT_SAME_VALUE(our::kGntmapApplicationMap, GNTMAP_application_map);
    EXPECT_SAME_VALUE(our::kGntmapContainsPte, GNTMAP_contains_pte);
    EXPECT_SAME_VALUE(our::kGntmapGuestAvailShift, _GNTMAP_guest_avail0);
    EXPECT_SAME_VALUE(our::kGntmapGuestAvailMask, GNTMAP_guest_avail_mask);
    EXPECT_SAME_VALUE(our::kGntcopySourceGref, GNTCOPY_source_gref);
    EXPECT_SAME_VALUE(our::kGntcopyDestGref, GNTCOPY_dest_gref);
    EXPECT_SAME_VALUE(our::kGnttabCacheClean, GNTTAB_CACHE_CLEAN);
    EXPECT_SAME_VALUE(our::kGnttabCacheInval, GNTTAB_CACHE_INVAL);
    EXPECT_SAME_VALUE(our::kGnttabCacheSourceGref, GNTTAB_CACHE_SOURCE_GREF);
}

TEST(XenGrantTable, Structures) {
    EXPECT_SAME_SIZE(our::GnttabMapGrantRef, gnttab_map_grant_ref);
    EXPECT_SAME_OFFSET(our::GnttabMapGrantRef, host_addr, gnttab_map_grant_ref, host_addr);
    EXPECT_SAME_OFFSET(our::GnttabMapGrantRef, flags, gnttab_map_grant_ref, flags);
    EXPECT_SAME_OFFSET(our::GnttabMapGrantRef, ref, gnttab_map_grant_ref, ref);
    EXPECT_SAME_OFFSET(our::GnttabMapGrantRef, domid, gnttab_map_grant_ref, dom);
    EXPECT_SAME_OFFSET(our::GnttabMapGrantRef, status, gnttab_map_grant_ref, status);
    EXPECT_SAME_OFFSET(our::GnttabMapGrantRef, handle, gnttab_map_grant_ref, handle);
    EXPECT_SAME_OFFSET(our::GnttabMapGrantRef, dev_bus_addr, gnttab_map_grant_ref, dev_bus_addr);
    EXPECT_SAME_SIZE(our::GnttabUnmapGrantRef, gnttab_unmap_grant_ref);
    EXPECT_SAME_OFFSET(our::GnttabUnmapGrantRef, host_addr, gnttab_unmap_grant_ref, host_addr);
    EXPECT_SAME_OFFSET(our::GnttabUnmapGrantRef, dev_bus_addr, gnttab_unmap_grant_ref, dev_bus_addr);
    EXPECT_SAME_OFFSET(our::GnttabUnmapGrantRef, handle, gnttab_unmap_grant_ref, handle);
    EXPECT_SAME_OFFSET(our::GnttabUnmapGrantRef, status, gnttab_unmap_grant_ref, status);
    EXPECT_SAME_SIZE(our::GnttabSetupTable, gnttab_setup_table);
    EXPECT_SAME_OFFSET(our::GnttabSetupTable, domid, gnttab_setup_table, dom);
    EXPECT_SAME_OFFSET(our::GnttabSetupTable, nr_frames, gnttab_setup_table, nr_frames);
    EXPECT_SAME_OFFSET(our::GnttabSetupTable, status, gnttab_setup_table, status);
    EXPECT_SAME_OFFSET(our::GnttabSetupTable, frame_list, gnttab_setup_table, frame_list);
    EXPECT_SAME_SIZE(our::GnttabDumpTable, gnttab_dump_table);
    EXPECT_SAME_OFFSET(our::GnttabDumpTable, domid, gnttab_dump_table, dom);
    EXPECT_SAME_OFFSET(our::GnttabDumpTable, status, gnttab_dump_table, status);
    EXPECT_SAME_SIZE(our::GnttabTransfer, gnttab_transfer);
    EXPECT_SAME_OFFSET(our::GnttabTransfer, mfn, gnttab_transfer, mfn);
    EXPECT_SAME_OFFSET(our::GnttabTransfer, domid, gnttab_transfer, domid);
    EXPECT_SAME_OFFSET(our::GnttabTransfer, ref, gnttab_transfer, ref);
    EXPECT_SAME_OFFSET(our::GnttabTransfer, status, gnttab_transfer, status);
    EXPECT_SAME_SIZE(our::GnttabCopy, gnttab_copy);
    EXPECT_SAME_OFFSET(our::GnttabCopy, source, gnttab_copy, source);
    EXPECT_SAME_OFFSET(our::GnttabCopy, dest, gnttab_copy, dest);
    EXPECT_SAME_OFFSET(our::GnttabCopy, len, gnttab_copy, len);
    EXPECT_SAME_OFFSET(our::GnttabCopy, flags, gnttab_copy, flags);
    EXPECT_SAME_OFFSET(our::GnttabCopy, status, gnttab_copy, status);
    EXPECT_SAME_OFFSET(our::GnttabCopy, source.u.gmfn, gnttab_copy, source.u.gmfn);
    EXPECT_SAME_OFFSET(our::GnttabCopy, source.domid, gnttab_copy, source.domid);
    EXPECT_SAME_OFFSET(our::GnttabCopy, source.offset, gnttab_copy, source.offset);
    EXPECT_SAME_SIZE(our::GnttabQuerySize, gnttab_query_size);
    EXPECT_SAME_OFFSET(our::GnttabQuerySize, domid, gnttab_query_size, dom);
    EXPECT_SAME_OFFSET(our::GnttabQuerySize, nr_frames, gnttab_query_size, nr_frames);
    EXPECT_SAME_OFFSET(our::GnttabQuerySize, max_nr_frames, gnttab_query_size, max_nr_frames);
    EXPECT_SAME_OFFSET(our::GnttabQuerySize, status, gnttab_query_size, status);
    EXPECT_SAME_SIZE(our::GnttabUnmapAndReplace, gnttab_unmap_and_replace);
    EXPECT_SAME_OFFSET(our::GnttabUnmapAndReplace, host_addr, gnttab_unmap_and_replace, host_addr);
    EXPECT_SAME_OFFSET(our::GnttabUnmapAndReplace, new_addr, gnttab_unmap_and_replace, new_addr);
    EXPECT_SAME_OFFSET(our::GnttabUnmapAndReplace, handle, gnttab_unmap_and_replace, handle);
    EXPECT_SAME_OFFSET(our::GnttabUnmapAndReplace, status, gnttab_unmap_and_replace, status);
    EXPECT_SAME_SIZE(our::GnttabSetVersion, gnttab_set_version);
    EXPECT_SAME_OFFSET(our::GnttabSetVersion, version, gnttab_set_version, version);
    EXPECT_SAME_SIZE(our::GnttabGetStatusFrames, gnttab_get_status_frames);
    EXPECT_SAME_OFFSET(our::GnttabGetStatusFrames, nr_frames, gnttab_get_status_frames, nr_frames);
    EXPECT_SAME_OFFSET(our::GnttabGetStatusFrames, domid, gnttab_get_status_frames, dom);
    EXPECT_SAME_OFFSET(our::GnttabGetStatusFrames, status, gnttab_get_status_frames, status);
    EXPECT_SAME_OFFSET(our::GnttabGetStatusFrames, frame_list, gnttab_get_status_frames, frame_list);
    EXPECT_SAME_SIZE(our::GnttabGetVersion, gnttab_get_version);
    EXPECT_SAME_OFFSET(our::GnttabGetVersion, domid, gnttab_get_version, dom);
    EXPECT_SAME_OFFSET(our::GnttabGetVersion, version, gnttab_get_version, version);
    EXPECT_SAME_SIZE(our::GnttabSwapGrantRef, gnttab_swap_grant_ref);
    EXPECT_SAME_OFFSET(our::GnttabSwapGrantRef, ref_a, gnttab_swap_grant_ref, ref_a);
    EXPECT_SAME_OFFSET(our::GnttabSwapGrantRef, ref_b, gnttab_swap_grant_ref, ref_b);
    EXPECT_SAME_OFFSET(our::GnttabSwapGrantRef, status, gnttab_swap_grant_ref, status);
    EXPECT_SAME_SIZE(our::GnttabCacheFlush, gnttab_cache_flush);
    EXPECT_SAME_OFFSET(our::GnttabCacheFlush, a.dev_bus_addr, gnttab_cache_flush, a.dev_bus_addr);
    EXPECT_SAME_OFFSET(our::GnttabCacheFlush, a.ref, gnttab_cache_flush, a.ref);
    EXPECT_SAME_OFFSET(our::GnttabCacheFlush, offset, gnttab_cache_flush, offset);
    EXPECT_SAME_OFFSET(our::GnttabCacheFlush, length, gnttab_cache_flush, length);
    EXPECT_SAME_OFFSET(our::GnttabCacheFlush, op, gnttab_cache_flush, op);
}
