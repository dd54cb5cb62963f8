// Disks whose image is not raw: each is served by a qemu-storage-daemon, a systemd service of its own that is confined
// to the image (hvctl-disk@ID), over NBD to Dom0's kernel, which makes a block device of it.
//
// Such a device lasts as long as blkback has it open, over the death of hvctld; the service ends after it. When a
// service dies, requests wait in the kernel until a new one has taken its place. From any thread; what serves or ends
// waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "devices/block/block_host.hpp"
#include "devices/block/image_service.hpp"
#include "devices/block/nbd_device.hpp"

namespace hvctld {

class ImageServers {
  public:
    ImageServers();
    ~ImageServers() = default;
    ImageServers(const ImageServers&) = delete;
    ImageServers& operator=(const ImageServers&) = delete;

    Result<Backing> attach(const Image& image, const config::DiskDefinition& disk);
    Result<void> grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes);
    // The image behind a device that is served.
    Result<ImageId> image_of(dev_t device);
    // Has the services end whose device is gone.
    void sweep();
    // Disk `number` of the domain is served by it.
    void note_user(DomainId domain, std::uint32_t number, dev_t device);
    // Whether what served that disk has ended.
    [[nodiscard]] bool has_let_go(DomainId domain, std::uint32_t number);

  private:
    void watch(const std::stop_token& stop);
    void take_up();
    void revive_all();
    Result<void> resize(const NbdDevice& device, std::uint64_t bytes);
    [[nodiscard]] bool wait_dead(std::uint32_t index);

    std::mutex changing_;  // held while a connection is replaced; before mutex_
    std::mutex mutex_;
    std::set<std::uint32_t> dead_;                                     // devices whose connection has died
    std::map<std::pair<DomainId, std::uint32_t>, std::string> users_;  // by disk of a guest: the service's ID

    // The watcher's own.
    struct Trouble {
        unsigned times = 0;
        std::chrono::steady_clock::time_point since, next_try;
    };
    std::map<std::string, Trouble> troubles_;  // by ID
    std::map<std::string, dev_t> servers_;     // by ID; 0: it is about to come
    std::jthread watcher_;
};

}  // namespace hvctld
