#include "devices/block/image_claims.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/log.hpp"
#include "config/devices.hpp"
#include "config/values.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kRoot = "/tool/hvctld/images";
constexpr std::array<std::string_view, 3> kStates{"coming", "there", "going"};

std::string path_of(std::uint16_t domid) {
    return fmt::format("{}/{}", kRoot, domid);
}

// The text before the next blank, which is taken off.
std::string_view word_of(std::string_view& text) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
}

// No domain is called so.
bool is_of_a_volume(const ImageClaim& claim) {
    return claim.domain.find('/') != std::string::npos;
}

}  // namespace

const ImageClaim* ImageClaims::rival(const config::DiskDefinition& disk, const ImageId& id) const {
    const auto found = std::ranges::find_if(
        claims_, [&](const ImageClaim& claim) { return claim.id.overlaps(id) && !go_together(claim.disk, disk); });
    return found != claims_.end() ? &*found : nullptr;
}

std::string ImageClaims::words_for(const ImageClaim& claim) {
    const char* const does = claim.disk.read_only ? "reads" : "writes to";
    if (is_of_a_volume(claim))
        return fmt::format("worked on by a job of the volume {}, which {} it", claim.domain, does);
    return fmt::format("{} of {}, which {} it", claim.disk.target, claim.domain, does);
}

Result<void> ImageClaims::take(const std::string& domain, const config::DiskDefinition& disk, const ImageId& id) {
    if (const ImageClaim* claim = rival(disk, id)) {
        const std::string what = fmt::format("disk {}: {}", disk.target, disk.path);
        if (claim->domain == domain) {
            return fail(ErrorId::ImageBusy, fmt::format("{} is {} of this guest already", what, claim->disk.target));
        }
        return fail(ErrorId::ImageBusy, fmt::format("{} is {}; end that{}{}", what, words_for(*claim),
                                                    is_of_a_volume(*claim) ? "" : " guest or detach it there",
                                                    claim->disk.shared ? ", or write shared: true here, too" : ""));
    }
    claims_.push_back({domain, 0, disk, id, ClaimState::Coming});
    return {};
}

void ImageClaims::write(const ImageClaim& claim) {
    const store::Permissions own{{store::kDom0, store::Access::None}};
    const std::string path = fmt::format("{}/{}", path_of(claim.domid), claim.disk.target);
    const auto kept =
        store_.write(path, fmt::format("{} {} {} {}", kStates[static_cast<std::size_t>(claim.state)],
                                       format_image_id(claim.id), claim.domain, config::disk_text(claim.disk)));
    // Until then, and where that fails, the claim is this process's alone.
    if (!kept || !store_.set_permissions(path, own)) log::error("store entry {} cannot be written", path);
}

void ImageClaims::keep(const std::string& domain, std::uint16_t domid, const std::string& target, ClaimState state) {
    for (ImageClaim& claim : claims_) {
        if (claim.domain != domain || claim.disk.target != target || (claim.domid != 0 && claim.domid != domid))
            continue;
        claim.domid = domid;
        claim.state = state;
        write(claim);
    }
}

void ImageClaims::rename(const std::string& before, const std::string& now) {
    for (ImageClaim& claim : claims_) {
        if (claim.domain != before) continue;
        claim.domain = now;
        if (claim.domid != 0) write(claim);
    }
}

void ImageClaims::note(ImageClaim claim) {
    write(claim);
    claims_.push_back(std::move(claim));
}

void ImageClaims::forget(const ImageClaim& claim) {
    if (claim.domid == 0) return;
    const std::string folder = path_of(claim.domid);
    (void)store_.remove(fmt::format("{}/{}", folder, claim.disk.target));
    if (const auto rest = store_.list(folder); rest && rest->empty()) (void)store_.remove(folder);
}

void ImageClaims::release(std::uint16_t domid, const std::string& target) {
    std::erase_if(claims_, [&](const ImageClaim& claim) {
        if (claim.domid != domid || claim.disk.target != target) return false;
        forget(claim);
        return true;
    });
}

void ImageClaims::release(const std::string& domain, std::uint16_t domid) {
    std::erase_if(claims_, [&](const ImageClaim& claim) {
        if (claim.domid != 0 ? claim.domid != domid : claim.domain != domain) return false;
        forget(claim);
        return true;
    });
}

std::vector<ImageClaim> ImageClaims::of(std::uint16_t domid) const {
    std::vector<ImageClaim> found;
    std::ranges::copy_if(claims_, std::back_inserter(found),
                         [&](const ImageClaim& claim) { return claim.domid == domid; });
    return found;
}

bool ImageClaims::has(std::uint16_t domid, std::string_view target) const {
    return std::ranges::any_of(
        claims_, [&](const ImageClaim& claim) { return claim.domid == domid && claim.disk.target == target; });
}

void ImageClaims::load_one(std::uint16_t domid, const std::string& target) {
    const std::string path = fmt::format("{}/{}", path_of(domid), target);
    const std::string content = store_.read(path).value_or("");
    std::string_view text = content;
    ImageClaim claim;
    claim.domid = domid;
    const auto state = std::ranges::find(kStates, word_of(text));
    const auto id = parse_image_id(word_of(text));
    claim.domain = word_of(text);
    config::Diagnostics diagnostics;
    const auto disk = config::parse_kept_disk(text, path, diagnostics);
    if (state == kStates.end() || !id || !disk || disk->target != target) {
        log::error("store entry {} is no claim on an image: \"{}\"; another guest may be given the image", path,
                   content);
        return;
    }
    claim.state = static_cast<ClaimState>(state - kStates.begin());
    claim.id = *id;
    claim.disk = *disk;
    claims_.push_back(std::move(claim));
}

void ImageClaims::load(const std::function<bool(std::uint16_t)>& exists) {
    for (const std::string& name : store_.list(kRoot).value_or(std::vector<std::string>{})) {
        const auto number = config::parse_number(name, 0, UINT16_MAX);
        const auto domid = static_cast<std::uint16_t>(number.value_or(0));
        if (!number || !exists(domid)) {
            (void)store_.remove(fmt::format("{}/{}", kRoot, name));
            continue;
        }
        for (const std::string& target : store_.list(path_of(domid)).value_or(std::vector<std::string>{}))
            load_one(domid, target);
    }
}

}  // namespace hvctld
