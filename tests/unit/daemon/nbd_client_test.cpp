#include "devices/block/nbd_client.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/files.hpp"

namespace hvctld::test {
namespace {

// A server that has said all it will say before it is asked.
class Script {
  public:
    Script& bytes(const std::string& text) {
        script_ += text;
        return *this;
    }
    Script& number(std::uint64_t value, int width) {
        for (int byte = width - 1; byte >= 0; --byte) script_ += static_cast<char>(value >> (8 * byte));
        return *this;
    }
    Script& greeting() { return bytes("NBDMAGICIHAVEOPT").number(3, 2); }
    Script& reply(std::uint32_t type, const std::string& data) {
        return number(0x0003e889045565a9, 8).number(7, 4).number(type, 4).number(data.size(), 4).bytes(data);
    }
    Script& export_info(std::uint64_t size, std::uint16_t flags) {
        Script info;
        info.number(0, 2).number(size, 8).number(flags, 2);
        return reply(3, info.script_);
    }
    Script& acknowledged() { return reply(1, ""); }

    Result<NbdExport> open() {
        std::array<int, 2> ends{-1, -1};
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        const UniqueFd client{ends[0]};
        const UniqueFd server{ends[1]};
        EXPECT_EQ(send(server.get(), script_.data(), script_.size(), 0), static_cast<ssize_t>(script_.size()));
        shutdown(server.get(), SHUT_WR);
        auto opened = open_nbd_export(client.get(), "disk");
        std::array<char, 256> buffer{};
        const ssize_t got = recv(server.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        asked.assign(buffer.data(), static_cast<std::size_t>(got > 0 ? got : 0));
        return opened;
    }

    std::string asked;

  private:
    std::string script_;
};

TEST(NbdClient, LearnsTheSizeAndWhatMayBeDone) {
    Script script;
    script.greeting()
        .reply(3, std::string("\0\3\0\0\0\1\0\0\20\0\2\0\0\0", 14))
        .export_info(std::uint64_t{5} << 32, 0x25);
    const auto opened = script.acknowledged().open();
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(opened->bytes, std::uint64_t{5} << 32);
    EXPECT_EQ(opened->flags, 0x25);
    EXPECT_EQ(script.asked, std::string("\0\0\0\1IHAVEOPT\0\0\0\7\0\0\0\12\0\0\0\4disk\0\0", 30));
}

TEST(NbdClient, WhatIsNoServerIsRefused) {
    EXPECT_FALSE(Script{}.open());
    EXPECT_FALSE(Script{}.bytes("NBDMAGICIHAVEO").open());
    EXPECT_FALSE(Script{}.bytes("SSH-2.0-OpenSSH_9.2p1 Debian").open());
    EXPECT_FALSE(Script{}.bytes("NBDMAGICIHAVEOPT").number(0, 2).open());
    EXPECT_FALSE(Script{}.greeting().open());
    EXPECT_FALSE(Script{}.greeting().bytes(std::string(40, 'x')).open());
    EXPECT_FALSE(Script{}.greeting().acknowledged().open());
    EXPECT_FALSE(Script{}.greeting().export_info(512, 1).open());
    EXPECT_FALSE(
        Script{}.greeting().number(0x0003e889045565a9, 8).number(7, 4).number(3, 4).number(1u << 30, 4).open());
    Script endless;
    endless.greeting();
    for (int replies = 0; replies < 100; ++replies) endless.reply(9, "x");
    EXPECT_FALSE(endless.open());
}

TEST(NbdClient, SaysWhyTheServerRefuses) {
    const auto refused = Script{}.greeting().reply(0x80000006, "no such export").open();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find("no such export"), std::string::npos);
}

}  // namespace
}  // namespace hvctld::test
