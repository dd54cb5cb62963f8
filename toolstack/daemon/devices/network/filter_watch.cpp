#include "devices/network/filter_watch.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kTables = "hvctl_";
constexpr std::size_t kReceived = 64 * 1024;
constexpr int kBuffer = 4 << 20;  // a reloaded firewall says much at once

// The text of the first attribute, which is the table's name.
std::string table_of(const nlmsghdr& header) {
    constexpr std::size_t kBefore = NLMSG_ALIGN(sizeof(nfgenmsg));
    const char* const payload = static_cast<const char*>(NLMSG_DATA(&header));
    const std::size_t size = NLMSG_PAYLOAD(&header, 0);
    nlattr attribute{};
    if (size < kBefore + sizeof attribute) return {};
    std::memcpy(&attribute, payload + kBefore, sizeof attribute);
    if ((attribute.nla_type & NLA_TYPE_MASK) != NFTA_TABLE_NAME || attribute.nla_len < sizeof attribute ||
        attribute.nla_len > size - kBefore) {
        return {};
    }
    const std::size_t length = attribute.nla_len - sizeof attribute;
    const std::string_view text{payload + kBefore + sizeof attribute, length};
    return std::string{text.substr(0, text.find('\0'))};
}

}  // namespace

struct FilterWatch::State {
    FdWatch watch;
    Lost lost;
    // In the transaction that is being told of.
    std::set<std::string> gone;
    std::set<std::string> made;

    // A filter that is put in place of another one goes and comes within a transaction.
    void hear(const nlmsghdr& header) {
        constexpr int kBitsOfSystem = 8;
        if (header.nlmsg_type >> kBitsOfSystem != NFNL_SUBSYS_NFTABLES) return;
        switch (header.nlmsg_type & 0xff) {
            case NFT_MSG_DELTABLE:
                if (made.erase(table_of(header)) == 0) gone.insert(table_of(header));
                break;
            case NFT_MSG_NEWTABLE:
                made.insert(table_of(header));
                gone.erase(table_of(header));
                break;
            case NFT_MSG_NEWGEN: {
                const auto told = std::exchange(gone, {});
                made.clear();
                for (const std::string& table : told) {
                    if (table.starts_with(kTables)) lost(table.substr(kTables.size()));
                }
                break;
            }
            default: break;
        }
    }

    void read() {
        alignas(nlmsghdr) std::array<char, kReceived> buffer;
        while (true) {
            const ssize_t got = recv(watch.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && errno == ENOBUFS) {
                gone.clear();
                made.clear();
                lost({});
                continue;
            }
            if (got <= 0) return;
            auto left = static_cast<unsigned>(got);
            for (const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
                 header = NLMSG_NEXT(header, left)) {
                hear(*header);
            }
        }
    }
};

FilterWatch::FilterWatch(FdWatch watch, Lost lost)
    : state_{std::make_shared<State>(State{std::move(watch), std::move(lost), {}, {}})} {
    state_->watch.start(UV_READABLE, [state = state_.get()](int) { state->read(); });
}

Result<FilterWatch> FilterWatch::create(Loop& loop, Lost lost) {
    UniqueFd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER)};
    if (!socket) return fail_errno(errno, "nftables' news");
    (void)setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer);
    const sockaddr_nl address{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
    constexpr int kGroup = NFNLGRP_NFTABLES;
    if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &kGroup, sizeof kGroup) != 0) {
        return fail_errno(errno, "nftables' news");
    }
    return FilterWatch{TRY(FdWatch::create(loop, std::move(socket))), std::move(lost)};
}

}  // namespace hvctld
