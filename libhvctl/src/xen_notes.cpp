#include "hvctl/xen_notes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "byte_view.hpp"
#include "hv/abi/xen/elfnote.hpp"
#include "hvctl/try.hpp"

namespace hvctl {

namespace {

using hv::abi::xen::ElfNote;

// A string note longer than this is not a note but an attack on our memory.
constexpr std::size_t kMaxString = 4096;

struct NoteHeader {
    std::uint32_t name_size;
    std::uint32_t data_size;
    std::uint32_t type;
};

// By number, as in Xen's features.h.
constexpr std::array<std::string_view, 18> kFeatureNames = {"writable_page_tables",
                                                            "writable_descriptor_tables",
                                                            "auto_translated_physmap",
                                                            "supervisor_mode_kernel",
                                                            "pae_pgdir_above_4gb",
                                                            "mmu_pt_update_preserve_ad",
                                                            "highmem_assist",
                                                            "gnttab_map_avail_bits",
                                                            "hvm_callback_vector",
                                                            "hvm_safe_pvclock",
                                                            "hvm_pirqs",
                                                            "dom0",
                                                            "grant_map_identity",
                                                            "memory_op_vnode_supported",
                                                            "ARM_SMCCC_supported",
                                                            "linux_rsdp_unrestricted",
                                                            "not_direct_mapped",
                                                            "direct_mapped"};

Result<std::uint64_t> number(std::span<const std::byte> data, std::uint32_t type) {
    const ByteView view{data};
    if (data.size() == 8) return *view.at<std::uint64_t>(0);
    if (data.size() == 4) return *view.at<std::uint32_t>(0);
    return fail(ErrorCode::Corrupt,
                fmt::format("the kernel's Xen note {} has {} bytes where 4 or 8 belong", type, data.size()));
}

std::string text(std::span<const std::byte> data) {
    const std::string_view all{reinterpret_cast<const char*>(data.data()), std::min(data.size(), kMaxString)};
    return std::string{all.substr(0, all.find('\0'))};
}

Result<void> take(std::uint32_t type, std::span<const std::byte> data, XenNotes& notes) {
    switch (static_cast<ElfNote>(type)) {
        case ElfNote::Entry: notes.entry = TRY(number(data, type)); break;
        case ElfNote::HypercallPage: notes.hypercall_page = TRY(number(data, type)); break;
        case ElfNote::VirtBase: notes.virt_base = TRY(number(data, type)); break;
        case ElfNote::PaddrOffset: notes.paddr_offset = TRY(number(data, type)); break;
        case ElfNote::InitP2m: notes.init_p2m = TRY(number(data, type)); break;
        case ElfNote::HvStartLow: notes.hv_start_low = TRY(number(data, type)); break;
        case ElfNote::Phys32Entry: notes.phys32_entry = TRY(number(data, type)); break;
        case ElfNote::ModStartPfn: notes.mod_start_pfn = TRY(number(data, type)) != 0; break;
        case ElfNote::SuspendCancel: notes.suspend_cancel = TRY(number(data, type)) != 0; break;
        case ElfNote::SupportedFeatures:
            notes.features.supported |= static_cast<std::uint32_t>(TRY(number(data, type)));
            break;
        case ElfNote::BsdSymtab: notes.bsd_symtab = text(data) == "yes"; break;
        case ElfNote::GuestOs: notes.guest_os = text(data); break;
        case ElfNote::GuestVersion: notes.guest_version = text(data); break;
        case ElfNote::XenVersion: notes.xen_version = text(data); break;
        case ElfNote::Loader: notes.loader = text(data); break;
        case ElfNote::Features: {
            notes.features_text = text(data);
            const FeatureSets sets = TRY(parse_features(notes.features_text));
            notes.features.supported |= sets.supported;
            notes.features.required |= sets.required;
            break;
        }
        default: break;  // for other hypervisors, other processors, or of no use to a loader
    }
    notes.present = true;
    return {};
}

}  // namespace

Result<FeatureSets> parse_features(std::string_view text) {
    FeatureSets sets;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('|'), text.size());
        std::string_view name = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const bool required = name.starts_with('!');
        if (required) name.remove_prefix(1);
        const auto known = std::ranges::find(kFeatureNames, name);
        if (known != kFeatureNames.end()) {
            const std::uint32_t bit = 1u << (known - kFeatureNames.begin());
            sets.supported |= bit;
            if (required) sets.required |= bit;
        } else if (required) {
            return fail(ErrorCode::NotBootable,
                        fmt::format("the kernel requires the hypervisor feature \"{:.64}\", unknown to hvctl", name));
        }
    }
    return sets;
}

Result<void> read_notes(std::span<const std::byte> area, std::uint64_t alignment, XenNotes& notes) {
    const ByteView view{area};
    const std::uint64_t mask = alignment == 8 ? 7 : 3;
    std::uint64_t at = 0;
    // Fewer bytes than a header are padding.
    while (const auto header = view.at<NoteHeader>(at)) {
        const std::uint64_t name_at = at + sizeof(NoteHeader);
        const std::uint64_t data_at = (name_at + header->name_size + mask) & ~mask;
        const auto data = view.slice(data_at, header->data_size);
        if (!data) {
            return fail(ErrorCode::Corrupt,
                        fmt::format("a note of the kernel at byte {} of {} runs over the end", at, area.size()));
        }
        if (header->name_size == 4 && view.has(name_at, std::string_view{"Xen\0", 4})) {
            TRY(take(header->type, *data, notes));
        }
        at = (data_at + header->data_size + mask) & ~mask;
    }
    return {};
}

}  // namespace hvctl
