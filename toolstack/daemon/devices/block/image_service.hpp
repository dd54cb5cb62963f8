// One qemu-storage-daemon for one image: a systemd service, hvctl-disk@ID, that sees the image and nothing else. The
// folder /run/hvctl-disks/ID has its options and a link to the image. Everything here may wait.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/helper.hpp"
#include "devices/block/image.hpp"
#include "devices/block/nbd_client.hpp"

namespace hvctld {

class ImageService {
  public:
    // A new one for the image, under a random ID.
    static ImageService make(const ImageId& image);
    explicit ImageService(ServedImage served) : served_{std::move(served)} {}
    // The IDs of all that have a folder.
    static std::vector<std::string> all();
    static Helper helper_of(const std::string& id);

    [[nodiscard]] const std::string& id() const { return served_.service; }
    [[nodiscard]] const ImageId& image() const { return served_.image; }
    [[nodiscard]] std::string label() const { return format_label(served_); }
    [[nodiscard]] std::string unit() const { return helper_of(id()).unit(); }

    // What it is started with.
    [[nodiscard]] Result<void> prepare(const Image& image, const config::DiskDefinition& disk) const;
    // A connection for the kernel, to what it exports.
    struct Connection {
        UniqueFd socket;
        NbdExport served;
    };
    [[nodiscard]] Result<Connection> start() const;
    // Once it has ended for certain: what it had on its way to the image must not come after what the next one writes.
    [[nodiscard]] Result<Connection> restart() const;
    [[nodiscard]] Result<void> stop() const;

    // An image that is exported keeps its size: withdraw() ends the kernel's connection, export_again() gives another.
    [[nodiscard]] Result<void> withdraw() const;
    [[nodiscard]] Result<void> set_size(std::uint64_t bytes) const;
    [[nodiscard]] Result<Connection> export_again() const;

  private:
    [[nodiscard]] Result<Connection> connect() const;

    ServedImage served_;
};

}  // namespace hvctld
