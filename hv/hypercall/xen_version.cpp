// xen_version: what hypervisor this is, and what it can do. Every domain may ask; what tells about the host is for
// Dom0.
#include <cstring>

#include "hv/abi/xen/layout.hpp"
#include "hv/abi/xen/version.hpp"
#include "hv/base/build_info.hpp"
#include "hv/base/version.hpp"
#include "hv/domain/domain.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {
namespace {

using namespace abi::xen;

// Into a fixed field, NUL-terminated and padded.
template <std::size_t Size>
void set_text(char (&field)[Size], std::string_view text) {
    std::memset(field, 0, Size);
    std::memcpy(field, text.data(), text.size() < Size ? text.size() : Size - 1);
}

template <std::size_t Size>
HypercallResult give_text(GuestVirtual where, std::string_view text) {
    char field[Size];
    set_text(field, text);
    TRY(copy_to_guest(where, field, text.size() < Size ? text.size() + 1 : Size));
    return 0;
}

constexpr std::uint32_t bit(Feature feature) {
    return 1u << static_cast<unsigned>(feature);
}

HypercallResult get_features(GuestVirtual where) {
    auto info = TRY(fetch<FeatureInfo>(where));
    if (info.submap_index >= kFeatureSubmaps) return fail(Error::BadArgument);
    info.submap = bit(Feature::PaePgdirAbove4gb) | bit(Feature::MmuPtUpdatePreserveAd) | bit(Feature::HighmemAssist) |
                  bit(Feature::GnttabMapAvailBits) | bit(Feature::NotDirectMapped);
    if (current_domain().privileged) info.submap |= bit(Feature::Dom0);
    TRY(store(where, info));
    return 0;
}

HypercallResult build_id(GuestVirtual where) {
    const std::string_view id = build_info().id;
    if (id.empty()) return fail(Error::NoEntry);
    if (where.raw == 0) return id.size();
    const auto header = TRY(fetch<BuildIdHeader>(where));
    if (header.length == 0) return fail(Error::BadArgument);
    if (header.length < id.size()) return fail(Error::NoBuffer);
    TRY(copy_to_guest(where + sizeof header, id.data(), id.size()));
    return id.size();
}

}  // namespace

HypercallResult do_xen_version(HypercallArguments& arguments) {
    const GuestVirtual where{arguments.value[1]};
    switch (static_cast<VersionCommand>(arguments.value[0])) {
        case VersionCommand::Version: return kXenVersionWord;
        case VersionCommand::Extraversion: return give_text<kExtraversionLength>(where, kExtraVersion);
        case VersionCommand::CompileInfo: {
            CompileInfo info{};
            set_text(info.compiler, build_info().compiler);
            set_text(info.compile_by, "hv");
            set_text(info.compile_domain, "");
            set_text(info.compile_date, build_info().date);
            TRY(store(where, info));
            return 0;
        }
        case VersionCommand::Capabilities: return give_text<kCapabilitiesLength>(where, kCapabilities);
        case VersionCommand::Changeset: return give_text<kChangesetLength>(where, kHvVersion);
        case VersionCommand::PlatformParameters: TRY(store(where, PlatformParameters{kHypervisorVirtStart})); return 0;
        case VersionCommand::GetFeatures: return get_features(where);
        case VersionCommand::Pagesize: return kPageSize;
        case VersionCommand::GuestHandle: {
            std::uint8_t uuid[Domain::kUuidBytes];
            current_domain().copy_uuid(uuid);
            TRY(copy_to_guest(where, uuid, sizeof uuid));
            return 0;
        }
        case VersionCommand::Commandline:
            if (!current_domain().privileged) return give_text<kCommandlineLength>(where, "<denied>");
            return give_text<kCommandlineLength>(where, build_info().command_line);
        case VersionCommand::BuildId: return build_id(where);
    }
    return fail(Error::NotImplemented);
}

}  // namespace hv
