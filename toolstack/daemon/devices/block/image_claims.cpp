#include "devices/block/image_claims.hpp"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

#include "base/log.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kRoot = "/tool/hvctld/images";

std::string path_of(std::uint16_t domid) {
    return fmt::format("{}/{}", kRoot, domid);
}

}  // namespace

bool ImageClaims::go_together(const Claim& one, const Claim& other) {
    return !one.id.overlaps(other.id) || (!one.writes && !other.writes) || (one.shared && other.shared);
}

Result<void> ImageClaims::take(const std::string& domain, const config::DiskDefinition& disk, const ImageId& id) {
    const Claim wanted{id, !disk.read_only, disk.shared, 0};
    for (const auto& [key, claim] : claims_) {
        if (go_together(claim, wanted)) continue;
        return fail(ErrorId::ImageBusy,
                    fmt::format("disk {}: {} is {} of {}, which {} it; end that guest or detach it there{}",
                                disk.target, disk.path, key.second, key.first, claim.writes ? "writes to" : "reads",
                                claim.shared ? ", or write shared: true here, too" : ""));
    }
    claims_[{domain, disk.target}] = wanted;
    return {};
}

void ImageClaims::keep(const std::string& domain, const std::string& target, std::uint16_t domid) {
    const auto found = claims_.find({domain, target});
    if (found == claims_.end()) return;
    Claim& claim = found->second;
    claim.domid = domid;
    const store::Permissions own{{store::kDom0, store::Access::None}};
    const std::string path = fmt::format("{}/{}", path_of(domid), target);
    const auto kept = store_.write(path, fmt::format("{} {} {} {}", format_image_id(claim.id), claim.writes ? "w" : "r",
                                                     claim.shared ? "shared" : "alone", domain));
    // Until then, and where that fails, the claim is this process's alone.
    if (!kept || !store_.set_permissions(path, own)) log::error("store entry {} cannot be written", path);
}

void ImageClaims::forget(const Key& key, const Claim& claim) {
    if (claim.domid == 0) return;
    const std::string folder = path_of(claim.domid);
    (void)store_.remove(fmt::format("{}/{}", folder, key.second));
    if (const auto rest = store_.list(folder); rest && rest->empty()) (void)store_.remove(folder);
}

void ImageClaims::release(const std::string& domain, const std::string& target) {
    const auto found = claims_.find({domain, target});
    if (found == claims_.end()) return;
    forget(found->first, found->second);
    claims_.erase(found);
}

void ImageClaims::release(const std::string& domain) {
    for (auto claim = claims_.begin(); claim != claims_.end();) {
        if (claim->first.first != domain) {
            ++claim;
            continue;
        }
        forget(claim->first, claim->second);
        claim = claims_.erase(claim);
    }
}

void ImageClaims::load(const std::function<bool(std::uint16_t)>& exists) {
    for (const std::string& name : store_.list(kRoot).value_or(std::vector<std::string>{})) {
        std::uint16_t domid = 0;
        const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), domid);
        if (problem != std::errc{} || end != name.data() + name.size() || !exists(domid)) {
            (void)store_.remove(fmt::format("{}/{}", kRoot, name));
            continue;
        }
        for (const std::string& target : store_.list(path_of(domid)).value_or(std::vector<std::string>{})) {
            std::istringstream text{store_.read(fmt::format("{}/{}", path_of(domid), target)).value_or("")};
            std::string id;
            std::string mode;
            std::string sharing;
            std::string domain;
            text >> id >> mode >> sharing >> domain;
            if (const auto image = parse_image_id(id); image && !domain.empty())
                claims_[{domain, target}] = {*image, mode == "w", sharing == "shared", domid};
        }
    }
}

}  // namespace hvctld
