// Lines to the journal: whole, and never waited for.
#include "base/journal_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "testing.hpp"

namespace hvctld::test {
namespace {

class JournalSocketTest : public testing::Test {
  protected:
    JournalSocketTest() : journal{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = folder / "socket";
        std::memcpy(address.sun_path, path.data(), path.size());
        EXPECT_EQ(bind(journal.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    std::string received() {
        std::string entry(1 << 20, '\0');
        const ssize_t size = recv(journal.get(), entry.data(), entry.size(), MSG_DONTWAIT);
        entry.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        return entry;
    }

    TemporaryFolder folder;
    UniqueFd journal;
    log::JournalSocket socket{folder / "socket"};
};

TEST_F(JournalSocketTest, SendsFieldsAsTheJournalReadsThem) {
    EXPECT_TRUE(socket.send({{"MESSAGE", "one line"}, {"PRIORITY", "6"}}));
    EXPECT_EQ(received(), "MESSAGE=one line\nPRIORITY=6\n");
    using namespace std::string_literals;
    EXPECT_TRUE(socket.send({{"MESSAGE", "two\nlines"}, {"PRIORITY", "3"}}));
    EXPECT_EQ(received(), "MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=3\n"s);
}

TEST_F(JournalSocketTest, AJournalThatReadsNothingIsNotWaitedForAndToldLater) {
    const std::string text(10'000, 'x');
    constexpr int kLines = 5000;  // more than any queue of datagrams holds
    for (int i = 0; i < kLines; ++i) ASSERT_TRUE(socket.send({{"MESSAGE", text}}));
    while (!received().empty()) {
    }
    EXPECT_TRUE(socket.send({{"MESSAGE", "afterwards"}}));
    const std::string told = received();
    EXPECT_NE(told.find("lines were lost"), std::string::npos) << told;
    EXPECT_EQ(received(), "MESSAGE=afterwards\n");
    EXPECT_TRUE(socket.send({{"MESSAGE", "told once"}}));
    EXPECT_EQ(received(), "MESSAGE=told once\n");
}

TEST_F(JournalSocketTest, ALongLineIsCutAndNotRefused) {
    EXPECT_TRUE(socket.send({{"MESSAGE", std::string(10 << 20, 'x')}, {"PRIORITY", "3"}}));
    EXPECT_TRUE(received().ends_with("x\nPRIORITY=3\n"));
}

TEST(JournalSocket, SaysThatThereIsNoJournal) {
    const TemporaryFolder folder;
    EXPECT_FALSE((log::JournalSocket{folder / "none"}.send({{"MESSAGE", "x"}})));
}

}  // namespace
}  // namespace hvctld::test
