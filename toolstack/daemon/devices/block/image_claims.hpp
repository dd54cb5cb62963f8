// Which guest has which image, and for what: an image that one guest writes to is no other's.
//
// A claim begins when a disk is prepared and ends when Dom0's kernel has let go of the image, or when hv has nothing of
// the guest any more: after the last write in either case (see Disks). Those of guests that are in hv are in the store,
// with all that is known of the disk, so that they outlive the daemon and its registry.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/definition.hpp"
#include "devices/block/image.hpp"
#include "store/store.hpp"

namespace hvctld {

// Where a disk of a guest is: only what is there is the guest's after a kill of the daemon.
enum class ClaimState : std::uint8_t { Coming, There, Going };

struct ImageClaim {
    std::string domain;       // its name; or a volume's, POOL/NAME, which a job has for itself
    std::uint16_t domid = 0;  // kept in the store under it; 0: the guest is not in hv yet
    config::DiskDefinition disk;
    ImageId id;
    ClaimState state = ClaimState::Coming;
};

class ImageClaims {
  public:
    explicit ImageClaims(store::Store& store) : store_{store} {}
    ImageClaims(const ImageClaims&) = delete;
    ImageClaims& operator=(const ImageClaims&) = delete;

    // ImageBusy, with the name of the domain or volume that has it.
    Result<void> take(const std::string& domain, const config::DiskDefinition& disk, const ImageId& id);
    // The claim of another domain that a disk over that image cannot go beside; null: there is none.
    [[nodiscard]] const ImageClaim* rival(const config::DiskDefinition& disk, const ImageId& id) const;
    // "xvda of web1, which writes to it"
    [[nodiscard]] static std::string words_for(const ImageClaim& claim);
    // For the run of the domain as `domid`: of what it has taken, or has under that domid already.
    void keep(const std::string& domain, std::uint16_t domid, const std::string& target, ClaimState state);
    // The domain has another name.
    void rename(const std::string& before, const std::string& now);
    // Of a guest that runs and has the image: taken without looking at other claims.
    void note(ImageClaim claim);
    // Of one disk that is kept.
    void release(std::uint16_t domid, const std::string& target);
    // Of a run that is over, and of what was taken for one that did not come to be.
    void release(const std::string& domain, std::uint16_t domid);
    [[nodiscard]] std::vector<ImageClaim> of(std::uint16_t domid) const;
    [[nodiscard]] bool has(std::uint16_t domid, std::string_view target) const;
    // What processes before this one kept for domains that `exists` in hv.
    void load(const std::function<bool(std::uint16_t domid)>& exists);

  private:
    void write(const ImageClaim& claim);
    void forget(const ImageClaim& claim);
    void load_one(std::uint16_t domid, const std::string& target);

    store::Store& store_;
    std::list<ImageClaim> claims_;
};

}  // namespace hvctld
