// The socket, with hostile peers and with Debian's own clients (package xenstore-utils).
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;

// store_server as a child process; it ends when its standard input is closed.
class Server {
  public:
    Server(const std::string& socket, const std::string& journal) {
        int in[2];
        int out[2];
        if (::pipe(in) != 0 || ::pipe(out) != 0) throw std::runtime_error("pipe");
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(in[0], 0);
            ::dup2(out[1], 1);
            ::close(in[1]);
            ::close(out[0]);
            ::execl(STORE_SERVER, STORE_SERVER, socket.c_str(), journal.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        input_ = in[1];
        char ready[16];
        ready_ = ::read(out[0], ready, sizeof ready) > 0;
        ::close(out[0]);
    }
    bool ready() const { return ready_; }
    int stop() {
        ::close(input_);
        int status = 0;
        ::waitpid(child_, &status, 0);
        child_ = -1;
        return status;
    }
    void kill() {
        ::kill(child_, SIGKILL);
        stop();
    }
    ~Server() {
        if (child_ > 0) stop();
    }

  private:
    pid_t child_ = -1;
    int input_ = -1;
    bool ready_ = false;
};

class Socket : public testing::Test {
  protected:
    void SetUp() override {
        server = std::make_unique<Server>(path, folder.path() + "/journal");
        ASSERT_TRUE(server->ready());
        ::setenv("XENSTORED_PATH", path.c_str(), 1);
    }
    void TearDown() override {
        if (server) {
            EXPECT_EQ(server->stop(), 0);
        }
        server.reset();
    }
    int connect() {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return fd;
    }
    // The reply's payload; empty if the connection was closed.
    static std::string receive(int fd) {
        MessageHeader header;
        if (::recv(fd, &header, sizeof header, MSG_WAITALL) != sizeof header) return {};
        std::string payload(header.length, '\0');
        if (header.length > 0) {
            EXPECT_EQ(::recv(fd, payload.data(), payload.size(), MSG_WAITALL), ssize_t(header.length));
        }
        return payload;
    }
    static void send(int fd, std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t done = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (done <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(done));
        }
    }
    // What the command prints (both streams); its exit status follows on a line of its own.
    static std::string run(const std::string& command) {
        std::FILE* const pipe = ::popen((command + " 2>&1; echo \"status $?\"").c_str(), "r");
        std::string output;
        char piece[256];
        while (std::fgets(piece, sizeof piece, pipe) != nullptr) output += piece;
        ::pclose(pipe);
        return output;
    }

    TemporaryFolder folder;
    std::string path = folder.path() + "/socket";
    std::unique_ptr<Server> server;
};

TEST_F(Socket, IsForItsOwnerOnly) {
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST_F(Socket, RequestsInPiecesAndInARow) {
    const int fd = connect();
    const std::string write = encode_message(T::Write, 1, 0, "/a\0value"s);
    for (const char c : write) send(fd, {&c, 1});
    EXPECT_EQ(receive(fd), "OK\0"s);
    std::string many;
    for (int i = 0; i < 500; ++i) many += encode_message(T::Read, 2, 0, "/a\0"s);
    send(fd, many);
    for (int i = 0; i < 500; ++i) ASSERT_EQ(receive(fd), "value");
    ::close(fd);
}

TEST_F(Socket, TooLongAnnouncementsEndTheConnection) {
    const int fd = connect();
    const MessageHeader header{static_cast<std::uint32_t>(T::Write), 1, 0, kMaxPayload + 1};
    send(fd, {reinterpret_cast<const char*>(&header), sizeof header});
    EXPECT_EQ(receive(fd), "");
    ::close(fd);
    const int next = connect();
    send(next, encode_message(T::Directory, 1, 0, "/\0"s));
    EXPECT_EQ(receive(next), "");
    ::close(next);
}

TEST_F(Socket, OnesThatNeverReadAreNotServedFurther) {
    const int fd = connect();
    send(fd, encode_message(T::Write, 1, 0, "/a\0"s + std::string(4000, 'v')));
    EXPECT_EQ(receive(fd), "OK\0"s);
    const std::string read = encode_message(T::Read, 1, 0, "/a\0"s);
    std::size_t sent = 0;
    while (true) {  // until the store takes no more requests and the kernel's buffers are full
        const ssize_t done =
            ::send(fd, read.data() + sent % read.size(), read.size() - sent % read.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0) {
            ::usleep(20000);
            if (::send(fd, read.data() + sent % read.size(), 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
            ++sent;
            continue;
        }
        sent += static_cast<std::size_t>(done);
        ASSERT_LT(sent, 64u * 1024 * 1024);
    }
    for (std::size_t i = 0; i < sent / read.size(); ++i) ASSERT_EQ(receive(fd).size(), 4000u);
    ::close(fd);
}

TEST_F(Socket, OneThatWatchesAndNeverReadsIsCutOff) {
    const int watcher = connect();
    send(watcher, encode_message(T::Watch, 1, 0, strings({"/w", "t"})));
    EXPECT_EQ(receive(watcher), "OK\0"s);
    EXPECT_EQ(receive(watcher), strings({"/w", "t"}));
    const int writer = connect();
    constexpr int kChanges = 8000;
    constexpr std::size_t kPathBytes = 1000;
    for (int i = 0; i < kChanges; ++i) {
        const std::string name = "/w/" + std::to_string(i);
        const std::string folder_name(200, 'x');
        std::string long_path = name;
        while (long_path.size() < kPathBytes) long_path += "/" + folder_name;
        send(writer, encode_message(T::Write, 1, 0, long_path + "\0v"s));
        ASSERT_EQ(receive(writer), "OK\0"s);
        send(writer, encode_message(T::Remove, 1, 0, name + '\0'));  // nodes are none of this test's business
        ASSERT_EQ(receive(writer), "OK\0"s);
    }
    std::size_t events = 0;
    while (!receive(watcher).empty()) ++events;  // ends: the connection was closed
    EXPECT_LT(events * kPathBytes, 7u * 1024 * 1024);
    ::close(watcher);
    ::close(writer);
}

TEST_F(Socket, TooManyAreTurnedAwayAndTheOthersServed) {
    constexpr std::size_t kMany = 600;
    std::vector<int> clients;
    while (clients.size() < kMany) clients.push_back(connect());
    const std::string list = encode_message(T::Directory, 1, 0, "/\0"s);
    const auto is_served = [&](int fd) {
        send(fd, list);
        MessageHeader header;
        return ::recv(fd, &header, sizeof header, MSG_WAITALL) == sizeof header;
    };
    std::size_t served = 0;
    for (const int fd : clients) served += is_served(fd) ? 1 : 0;
    EXPECT_EQ(served, 512u);
    for (const int fd : clients) ::close(fd);
    // The server notices the closed ones before, or soon after, it sees the next.
    int next = connect();
    while (!is_served(next)) {
        ::close(next);
        next = connect();
    }
    ::close(next);
}

TEST_F(Socket, WatchesEndWithTheirConnection) {
    const int watcher = connect();
    send(watcher, encode_message(T::Watch, 1, 0, strings({"/a", "t"})));
    EXPECT_EQ(receive(watcher), "OK\0"s);
    EXPECT_EQ(receive(watcher), strings({"/a", "t"}));
    const int writer = connect();
    send(writer, encode_message(T::Write, 1, 0, "/a/b\0x"s));
    EXPECT_EQ(receive(writer), "OK\0"s);
    EXPECT_EQ(receive(watcher), strings({"/a/b", "t"}));
    ::close(watcher);
    for (int i = 0; i < 3; ++i) {
        send(writer, encode_message(T::Write, 1, 0, "/a/b\0x"s));
        EXPECT_EQ(receive(writer), "OK\0"s);
    }
    ::close(writer);
}

TEST_F(Socket, ASecondServerIsRefusedAndAKilledOneReplaced) {
    const int fd = connect();
    send(fd, encode_message(T::Write, 1, 0, "/kept\0yes"s));
    EXPECT_EQ(receive(fd), "OK\0"s);
    {
        Server second{path, folder.path() + "/second"};
        EXPECT_FALSE(second.ready());
        EXPECT_NE(second.stop(), 0);
    }
    server->kill();
    EXPECT_EQ(receive(fd), "");
    ::close(fd);
    server = std::make_unique<Server>(path, folder.path() + "/journal");
    ASSERT_TRUE(server->ready());
    const int again = connect();
    send(again, encode_message(T::Read, 1, 0, "/kept\0"s));
    EXPECT_EQ(receive(again), "yes");
    ::close(again);
}

class RealClients : public Socket {
  protected:
    void SetUp() override {
        Socket::SetUp();
        if (run("command -v xenstore-read").find("status 0") == std::string::npos) {
            GTEST_SKIP() << "package xenstore-utils is not installed";
        }
    }
};

TEST_F(RealClients, WriteReadListRemove) {
    EXPECT_EQ(run("xenstore-write /tool/a one /tool/b/c 'two words'"), "status 0\n");
    EXPECT_EQ(run("xenstore-read /tool/a /tool/b/c"), "one\ntwo words\nstatus 0\n");
    EXPECT_EQ(run("xenstore-list /tool"), "a\nb\nstatus 0\n");
    EXPECT_EQ(run("xenstore-exists /tool/b"), "status 0\n");
    EXPECT_EQ(run("xenstore-exists /tool/z"), "status 1\n");
    EXPECT_EQ(run("xenstore-ls /tool"), "a = \"one\"\nb = \"\"\n c = \"two words\"\nstatus 0\n");
    EXPECT_EQ(run("xenstore-rm /tool/b"), "status 0\n");
    EXPECT_EQ(run("xenstore-read /tool/b/c"), "xenstore-read: couldn't read path /tool/b/c\nstatus 1\n");
}

TEST_F(RealClients, Permissions) {
    EXPECT_EQ(run("xenstore-write /p/x 1 && xenstore-chmod -r /p n0 r5 b6"), "status 0\n");
    const std::string listing = run("xenstore-ls -p /p");
    EXPECT_TRUE(listing.starts_with("x = \"1\" ")) << listing;
    EXPECT_TRUE(listing.ends_with(" (n0,r5,b6)\nstatus 0\n")) << listing;
}

TEST_F(RealClients, ListingsLargerThanAMessage) {
    const int fd = connect();
    for (int i = 0; i < 1500; ++i) {
        send(fd, encode_message(T::MakeDirectory, 1, 0, "/local/domain/" + std::to_string(i) + '\0'));
        ASSERT_EQ(receive(fd), "OK\0"s);
    }
    ::close(fd);
    EXPECT_EQ(run("xenstore-list /local/domain | sort -n | tail -1"), "1499\nstatus 0\n");
    EXPECT_EQ(run("xenstore-list /local/domain | wc -l"), "1500\nstatus 0\n");
}

TEST_F(RealClients, WatchTellsOfChanges) {
    const std::string out = folder.path() + "/events";
    // The file is there before its lines are counted.
    const std::string command = ": > " + out + "; timeout 60 xenstore-watch -n 3 /w >> " + out + " & pid=$!; ";
    // Each change waits for the event before it, so that none can fold into another.
    const auto until = [&](int lines) {
        return "while [ $(wc -l < " + out + ") -lt " + std::to_string(lines) +
               " ]; do sleep 0.05; kill -0 $pid || exit 1; done; ";
    };
    const std::string all =
        command + until(1) + "xenstore-write /w/a 1; " + until(2) + "xenstore-rm /w/a; wait $pid; cat " + out;
    EXPECT_EQ(run("(" + all + ")"), "/w\n/w/a\n/w/a\nstatus 0\n");
}

}  // namespace
}  // namespace hvctld::store::test
