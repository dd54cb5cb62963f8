// What a kernel says about itself as a Xen guest: the ELF notes of Xen's public elfnote.h, decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "hvctl/result.hpp"

namespace hvctl {

// Sets of XENFEAT_* numbers, bit n for feature n.
struct FeatureSets {
    std::uint32_t supported = 0;
    std::uint32_t required = 0;
};

// Absent notes stay empty. Addresses are virtual unless they say otherwise; nothing here has been checked against the
// segments yet.
struct XenNotes {
    bool present = false;  // at least one note of the owner "Xen"
    std::optional<std::uint64_t> entry;
    std::optional<std::uint64_t> hypercall_page;
    std::optional<std::uint64_t> virt_base;
    std::optional<std::uint64_t> paddr_offset;
    std::optional<std::uint64_t> init_p2m;
    std::optional<std::uint64_t> hv_start_low;
    std::optional<std::uint64_t> phys32_entry;  // physical: where a PVH guest starts
    bool mod_start_pfn = false;                 // the initrd may lie outside the initial mapping
    bool suspend_cancel = false;
    bool bsd_symtab = false;
    std::string guest_os;
    std::string guest_version;
    std::string xen_version;
    std::string loader;
    std::string features_text;
    FeatureSets features;
};

// Adds the notes of one note segment or section to `notes`. Notes of other owners are skipped; a note that runs over
// the end is an error (Corrupt), as is an address note of an impossible size.
Result<void> read_notes(std::span<const std::byte> area, std::uint64_t alignment, XenNotes& notes);

// Decodes "!writable_page_tables|pae_pgdir_above_4gb": a leading '!' means required. Unknown names are ignored unless
// they are required (NotBootable).
Result<FeatureSets> parse_features(std::string_view text);

}  // namespace hvctl
