#include "devices/block/nbd_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/genetlink.h>
#include <linux/major.h>
#include <linux/nbd-netlink.h>
#include <linux/nbd.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <thread>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSector = 512;
// For so long requests wait for a new connection, so that there is time for an administrator to see to it.
constexpr std::uint64_t kPatienceSeconds = 30UL * 24 * 60 * 60;

struct FreeMessage {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, FreeMessage>;

Result<void> outcome(int status, const std::string& what) {
    if (status >= 0) return {};
    return fail(ErrorId::BackendFailed, fmt::format("{}: {}", what, nl_geterror(status)));
}

std::unexpected<Error> no_memory() {
    return fail(ErrorId::Internal, "netlink: no memory");
}

// For reading: when one that may write closes it, udev has the kernel look for partitions.
Result<UniqueFd> open_device(const std::string& path) {
    // udev makes the node.
    constexpr int kLooks = 250;
    constexpr std::chrono::milliseconds kBetweenLooks{20};
    for (int look = 1;; ++look) {
        UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
        if (file) return file;
        if (errno != ENOENT || look == kLooks) return fail_errno(errno, path);
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

Message make_message(int family, int command) {
    Message message{nlmsg_alloc()};
    constexpr int kVersion = 1;
    if (message && genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0,
                               static_cast<std::uint8_t>(command), kVersion) == nullptr) {
        message.reset();
    }
    return message;
}

int put_socket(nl_msg* message, int socket) {
    nlattr* all = nla_nest_start(message, NBD_ATTR_SOCKETS);
    if (all == nullptr) return -NLE_NOMEM;
    nlattr* one = nla_nest_start(message, NBD_SOCK_ITEM);
    if (one == nullptr || nla_put_u32(message, NBD_SOCK_FD, static_cast<std::uint32_t>(socket)) < 0) return -NLE_NOMEM;
    nla_nest_end(message, one);
    nla_nest_end(message, all);
    return 0;
}

// The index in an answer, or in a message that the kernel sends to all listeners.
std::optional<std::uint32_t> index_in(nl_msg* message, int command) {
    std::array<nlattr*, NBD_ATTR_MAX + 1> attributes{};
    nlmsghdr* header = nlmsg_hdr(message);
    const auto* body = static_cast<genlmsghdr*>(nlmsg_data(header));
    if (body->cmd != command || genlmsg_parse(header, 0, attributes.data(), NBD_ATTR_MAX, nullptr) < 0)
        return std::nullopt;
    if (attributes[NBD_ATTR_INDEX] == nullptr) return std::nullopt;
    return nla_get_u32(attributes[NBD_ATTR_INDEX]);
}

// What is looked for in the messages that one call of libnl reads.
struct Wanted {
    int command;
    std::optional<std::uint32_t> index;
};
int note_index(nl_msg* message, void* context) {
    auto& wanted = *static_cast<Wanted*>(context);
    if (const auto index = index_in(message, wanted.command)) wanted.index = index;
    return NL_OK;
}

NbdDevice device_of(std::uint32_t index) {
    const std::string name = fmt::format("/sys/block/nbd{}", index);
    unsigned device_major = 0;
    unsigned device_minor = 0;
    const std::string numbers = first_line(name + "/dev");
    (void)std::sscanf(numbers.c_str(), "%u:%u", &device_major, &device_minor);
    return {index, makedev(device_major, device_minor), first_line(name + "/backend")};
}

}  // namespace

Result<std::vector<NbdDevice>> connected_nbd_devices() {
    constexpr const char* kFolder = "/sys/block";
    constexpr std::string_view kPrefix = "nbd";
    std::vector<NbdDevice> devices;
    std::error_code problem;
    for (fs::directory_iterator entry{kFolder, problem}, end; !problem && entry != end; entry.increment(problem)) {
        const std::string name = entry->path().filename();
        std::uint32_t index = 0;
        const char* const last = name.data() + name.size();
        if (!name.starts_with(kPrefix) || std::from_chars(name.data() + kPrefix.size(), last, index).ptr != last)
            continue;
        std::error_code none;
        if (!fs::exists(entry->path() / "pid", none) || !fs::exists(entry->path() / "backend", none)) continue;
        NbdDevice device = device_of(index);
        // It may have gone in between; otherwise it is there and cannot be read.
        if (!device.label.empty())
            devices.push_back(std::move(device));
        else if (fs::exists(entry->path() / "backend", none))
            return fail(ErrorId::Io, entry->path().string());
    }
    if (problem) return fail_errno(problem.value(), kFolder);
    return devices;
}

bool is_nbd(dev_t device) {
    return major(device) == NBD_MAJOR;
}

void NbdControl::Close::operator()(nl_sock* socket) const {
    nl_socket_free(socket);
}

Result<NbdControl> NbdControl::open() {
    NbdControl control;
    control.socket_.reset(nl_socket_alloc());
    if (!control.socket_) return no_memory();
    TRY(outcome(genl_connect(control.socket_.get()), "netlink"));
    control.family_ = genl_ctrl_resolve(control.socket_.get(), NBD_GENL_FAMILY_NAME);
    if (control.family_ < 0) {
        return fail(ErrorId::BackendFailed,
                    "Dom0's kernel has no network block devices, which serve images that are not raw; is its module "
                    "nbd there ('modprobe nbd')?");
    }
    return control;
}

Result<NbdControl::Connected> NbdControl::connect(int socket, const NbdExport& served, const std::string& label) {
    const Message message = make_message(family_, NBD_CMD_CONNECT);
    if (!message) return no_memory();
    nl_msg* raw = message.get();
    nla_put_u64(raw, NBD_ATTR_SIZE_BYTES, served.bytes);
    nla_put_u64(raw, NBD_ATTR_BLOCK_SIZE_BYTES, kSector);
    // No NBD_ATTR_TIMEOUT: a slow server is waited for; requests lost with a connection are sent again on the next one.
    nla_put_u64(raw, NBD_ATTR_DEAD_CONN_TIMEOUT, kPatienceSeconds);
    nla_put_u64(raw, NBD_ATTR_SERVER_FLAGS, served.flags);
    nla_put_string(raw, NBD_ATTR_BACKEND_IDENTIFIER, label.c_str());
    TRY(outcome(put_socket(raw, socket), "netlink"));

    Wanted wanted{NBD_CMD_CONNECT, {}};
    nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_CUSTOM, note_index, &wanted);
    const int sent = nl_send_auto(socket_.get(), raw);
    // The answer with the index, and the acknowledgement.
    const int answered = sent < 0 ? sent : nl_recvmsgs_default(socket_.get());
    TRY(outcome(answered < 0 ? answered : nl_wait_for_ack(socket_.get()), "nbd"));
    if (!wanted.index) return fail(ErrorId::BackendFailed, "nbd: the kernel does not say which device it made");

    Connected connected{{}, device_of(*wanted.index)};
    if (auto kept = keep_open(connected.device)) {
        connected.file = std::move(*kept);
        return connected;
    } else {
        (void)disconnect(connected.device);
        return std::unexpected(kept.error());
    }
}

Result<UniqueFd> NbdControl::keep_open(const NbdDevice& device) {
    const std::string path = fmt::format("/dev/nbd{}", device.index);
    UniqueFd file = TRY(open_device(path));
    // Not from its beginning: udev looks into a new device, and closing it again it would end it before it is opened
    // here.
    const Message change = make_message(family_, NBD_CMD_RECONFIGURE);
    if (!change) return no_memory();
    nla_put_u32(change.get(), NBD_ATTR_INDEX, device.index);
    nla_put_string(change.get(), NBD_ATTR_BACKEND_IDENTIFIER, device.label.c_str());
    nla_put_u64(change.get(), NBD_ATTR_CLIENT_FLAGS, NBD_CFLAG_DISCONNECT_ON_CLOSE);
    TRY(send(change.get(), path));
    // udev has looked into it, perhaps before it had the label by which it knows to leave it alone.
    std::ofstream{fmt::format("/sys/block/nbd{}/uevent", device.index)} << "change";
    return file;
}

Result<void> NbdControl::reconnect(const NbdDevice& device, int socket) {
    const Message message = make_message(family_, NBD_CMD_RECONFIGURE);
    if (!message) return no_memory();
    nla_put_u32(message.get(), NBD_ATTR_INDEX, device.index);
    nla_put_string(message.get(), NBD_ATTR_BACKEND_IDENTIFIER, device.label.c_str());
    TRY(outcome(put_socket(message.get(), socket), "netlink"));
    return send(message.get(), fmt::format("/dev/nbd{}", device.index));
}

Result<void> NbdControl::resize(const NbdDevice& device, std::uint64_t bytes) {
    const Message message = make_message(family_, NBD_CMD_RECONFIGURE);
    if (!message) return no_memory();
    nla_put_u32(message.get(), NBD_ATTR_INDEX, device.index);
    nla_put_string(message.get(), NBD_ATTR_BACKEND_IDENTIFIER, device.label.c_str());
    nla_put_u64(message.get(), NBD_ATTR_SIZE_BYTES, bytes);
    return send(message.get(), fmt::format("/dev/nbd{}", device.index));
}

Result<void> NbdControl::disconnect(const NbdDevice& device) {
    const Message message = make_message(family_, NBD_CMD_DISCONNECT);
    if (!message) return no_memory();
    nla_put_u32(message.get(), NBD_ATTR_INDEX, device.index);
    return send(message.get(), fmt::format("/dev/nbd{}", device.index));
}

Result<void> NbdControl::send(nl_msg* message, const std::string& what) {
    const int sent = nl_send_auto(socket_.get(), message);
    return outcome(sent < 0 ? sent : nl_wait_for_ack(socket_.get()), what);
}

Result<void> NbdControl::listen() {
    const int group = genl_ctrl_resolve_grp(socket_.get(), NBD_GENL_FAMILY_NAME, NBD_GENL_MCAST_GROUP_NAME);
    TRY(outcome(group, "nbd"));
    TRY(outcome(nl_socket_add_membership(socket_.get(), group), "nbd"));
    nl_socket_disable_seq_check(socket_.get());
    return outcome(nl_socket_set_nonblocking(socket_.get()), "nbd");
}

Result<std::optional<std::uint32_t>> NbdControl::next_dead(int milliseconds) {
    pollfd wait{nl_socket_get_fd(socket_.get()), POLLIN, 0};
    if (::poll(&wait, 1, milliseconds) <= 0) return std::optional<std::uint32_t>{};
    Wanted wanted{NBD_CMD_LINK_DEAD, {}};
    nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_CUSTOM, note_index, &wanted);
    TRY(outcome(nl_recvmsgs_default(socket_.get()), "nbd"));
    return wanted.index;
}

}  // namespace hvctld
