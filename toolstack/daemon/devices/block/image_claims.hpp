// Which domain has which image, and for what: nothing that one writes to is anybody else's.
//
// A claim begins when a disk is prepared and ends when hv has nothing of the guest any more, which is after its last
// write: see Disks. Those of domains that are in hv are in the store, too, so that they outlive the daemon.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "config/definition.hpp"
#include "devices/block/image.hpp"
#include "store/store.hpp"

namespace hvctld {

class ImageClaims {
  public:
    explicit ImageClaims(store::Store& store) : store_{store} {}
    ImageClaims(const ImageClaims&) = delete;
    ImageClaims& operator=(const ImageClaims&) = delete;

    // ImageBusy, with who has it.
    Result<void> take(const std::string& domain, const config::DiskDefinition& disk, const ImageId& id);
    // For the run of the domain as `domid`.
    void keep(const std::string& domain, const std::string& target, std::uint16_t domid);
    void release(const std::string& domain, const std::string& target);
    void release(const std::string& domain);
    // What processes before this one kept for domains that `exists` in hv.
    void load(const std::function<bool(std::uint16_t domid)>& exists);

  private:
    struct Claim {
        ImageId id;
        bool writes = false;
        bool shared = false;
        std::uint16_t domid = 0;  // kept under it; 0: not yet
    };
    using Key = std::pair<std::string, std::string>;  // domain, target
    [[nodiscard]] static bool go_together(const Claim& one, const Claim& other);
    void forget(const Key& key, const Claim& claim);

    store::Store& store_;
    std::map<Key, Claim> claims_;
};

}  // namespace hvctld
