// The disks of a guest: each an image, a block device of Dom0 over it, and a backend in Dom0's kernel that serves that.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "devices/block/block_host.hpp"
#include "devices/block/space_hold.hpp"
#include "devices/block/vbd.hpp"
#include "devices/device.hpp"
#include "domain/context.hpp"
#include "domain/domain.hpp"

namespace hvctld {

struct DiskView {
    std::string target;
    std::uint32_t number = 0;  // the guest's driver knows it by this
    std::string path;
    std::string volume;  // POOL/NAME; empty: a path alone
    std::string format;
    bool read_only = false;
    bool cdrom = false;
    bool shared = false;
    bool errors_on_full = false;  // where the file system of its image is full; otherwise the guest waits
    std::string state;            // offline, starting, waiting, connected, closing, closed, failed
    std::string device;           // of Dom0, "7:0"; empty: none
};

class Disks final : public Device {
  public:
    Disks(Context& context, Domain& domain) : context_{context}, domain_{domain}, space_hold_{context.store, domain} {}

    Step prepare(bool anew) override;
    Phase publish() override;
    void abandoned() override;
    void unplug() override;
    void freed() override;
    Result<void> recover() override;

    // One disk, while the guest runs. prepare_one() and connect_one() undo nothing: take_away() does. It is the
    // guest's, whatever becomes of the daemon, once it has been settled.
    [[nodiscard]] Step prepare_one(const config::DiskDefinition& disk, bool anew);
    [[nodiscard]] Step connect_one(const config::DiskDefinition& disk);
    // The guest sees its new size with its next request.
    [[nodiscard]] Step grow_one(const config::DiskDefinition& disk, std::uint64_t bytes);
    void settle(const config::DiskDefinition& disk);
    // Until the guest has taken it; GuestSilent.
    [[nodiscard]] Step wait_connected(const config::DiskDefinition& disk);
    // Asks the guest to let go of it, and waits until it has; GuestSilent. keep_open() takes the question back.
    [[nodiscard]] Step wait_closed(const config::DiskDefinition& disk);
    void keep_open(const config::DiskDefinition& disk);
    // Whatever there is of it, whether the guest likes it or not; over when Dom0's kernel has let go, too. From its
    // beginning on there is no way back.
    [[nodiscard]] Step take_away(const config::DiskDefinition& disk);

    // As unplug(), and over when Dom0's kernel has let go of all of them: requests of theirs do not reach their images
    // after that.
    [[nodiscard]] Step take_all_away();

    // Whether a disk of that name is there, or not yet gone.
    [[nodiscard]] bool has(const std::string& target) const;
    [[nodiscard]] std::vector<DiskView> list() const;
    // By target; those that are served.
    [[nodiscard]] std::map<std::string, DiskCounters> counters() const;
    // Whether the guest stands still until they have room to grow.
    [[nodiscard]] SpaceHold& space_hold() { return space_hold_; }
    [[nodiscard]] const SpaceHold& space_hold() const { return space_hold_; }
    // The devices that the store has for them, by number.
    [[nodiscard]] std::map<std::uint32_t, dev_t> served() const;

  private:
    void prepare_from(std::size_t index, bool anew, Job& job, const Done& done);
    [[nodiscard]] std::unexpected<Error> refusal(const Job& job, const config::DiskDefinition& disk,
                                                 const Error& error) const;
    void attach(Job& job, const config::DiskDefinition& disk, Image image, const Done& done);
    Result<void> connect(const std::vector<config::DiskDefinition>& disks);
    [[nodiscard]] Step wait_served(const std::vector<config::DiskDefinition>& disks);
    void drop(Backing backing);
    void recover_one(const ImageClaim& claim);
    void find_again(const config::DiskDefinition& disk);
    void release_when_free(const std::string& target, std::uint32_t number, dev_t device);
    Result<bool> is_served(const config::DiskDefinition& disk);
    [[nodiscard]] std::string name_of(const config::DiskDefinition& disk) const;
    [[nodiscard]] std::string state_of(std::uint32_t number) const;
    [[nodiscard]] BusDevices vbds() const { return {context_.store, kVbd, domain_.record.instance.domid}; }

    Context& context_;
    Domain& domain_;
    SpaceHold space_hold_;
    std::map<std::string, Backing> backings_;  // by target
    std::shared_ptr<Disks*> alive_ = std::make_shared<Disks*>(this);
};

}  // namespace hvctld
