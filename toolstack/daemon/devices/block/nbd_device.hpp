// Dom0's network block devices (linux/nbd-netlink.h): what an NBD server serves, as a block device. From any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "devices/block/nbd_client.hpp"

struct nl_msg;
struct nl_sock;

namespace hvctld {

struct NbdDevice {
    std::uint32_t index = 0;  // of /dev/nbdN
    dev_t device = 0;
    std::string label;  // what it was connected with
};

// Those that are connected and have a label.
Result<std::vector<NbdDevice>> connected_nbd_devices();
bool is_nbd(dev_t device);

class NbdControl {
  public:
    // BackendFailed where the kernel has no nbd.
    static Result<NbdControl> open();

    // A device over the connection, opened. It goes when it is closed everywhere. While it has no connection
    // its requests wait for reconnect().
    struct Connected {
        UniqueFd file;
        NbdDevice device;
    };
    // One that is connected, and lasts as long as it is open somewhere.
    Result<UniqueFd> keep_open(const NbdDevice& device);
    Result<Connected> connect(int socket, const NbdExport& served, const std::string& label);
    // In place of a connection that is dead; where none is, nothing happens.
    Result<void> reconnect(const NbdDevice& device, int socket);
    Result<void> resize(const NbdDevice& device, std::uint64_t bytes);
    Result<void> disconnect(const NbdDevice& device);

    // From now on connections that die are heard of, by this and for nothing else; the next one: its device's index.
    Result<void> listen();
    Result<std::optional<std::uint32_t>> next_dead(int milliseconds);

  private:
    Result<void> send(nl_msg* message, const std::string& what);

    struct Close {
        void operator()(nl_sock* socket) const;
    };
    std::unique_ptr<nl_sock, Close> socket_;
    int family_ = 0;
};

}  // namespace hvctld
