// Clients in numbers, and clients that do not behave: no other client may notice.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>

#include "bus_testing.hpp"

namespace hvctld::test {
namespace {

using Limits = bus::PrivateServer::Limits;

class BusClientsTest : public BusTest {
  protected:
    void serve_with(const Limits& limits) {
        server.reset();
        server = std::move(bus::PrivateServer::create(*process->loop, object, folder / "bus", limits).value());
    }

    // To the end of the handshake, and a little later, so that the daemon's clock, of
    // milliseconds, tells it from the next.
    [[nodiscard]] bus::Bus connect_fully() const {
        bus::Bus bus = connect();
        while (sd_bus_is_ready(bus.get()) == 0) {
            if (sd_bus_process(bus.get(), nullptr) == 0) sd_bus_wait(bus.get(), UINT64_MAX);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return bus;
    }
    static bool hung_up(sd_bus* bus) {
        pollfd state{.fd = sd_bus_get_fd(bus), .events = POLLRDHUP, .revents = 0};
        return poll(&state, 1, 0) > 0;
    }
    // Whether no other thread of this process runs or waits for a disk.
    static bool others_sleep() {
        const std::string own = std::to_string(gettid());
        return std::ranges::none_of(std::filesystem::directory_iterator{"/proc/self/task"}, [&](const auto& thread) {
            if (thread.path().filename() == own) return false;
            std::string line;
            std::getline(std::ifstream{thread.path() / "stat"}, line);
            const std::size_t end_of_name = line.rfind(')');
            return end_of_name != std::string::npos && !line.substr(end_of_name).starts_with(") S");
        });
    }
    // A peer that speaks no D-Bus.
    [[nodiscard]] UniqueFd connect_raw() const {
        UniqueFd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, (folder / "bus").c_str());
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return fd;
    }
};

// While one connection closes another is accepted, which then gets the same descriptor: both must be served.
TEST_F(BusClientsTest, ClientsThatComeWhileOthersGoAreServed) {
    constexpr unsigned kClients = 60;
    constexpr int kRounds = 5;
    constexpr int kConnectsPerRound = 10;
    std::atomic<unsigned> served = 0;
    for (int round = 0; round < kRounds; ++round) {
        with_threads(kClients, [&] {
            for (int i = 0; i < kConnectsPerRound; ++i) {
                const bus::Bus bus = connect();
                const Reply reply = call(bus.get(), "ListDomains", "");
                EXPECT_TRUE(reply.message) << reply.error_text;
                if (reply.message) ++served;
            }
        });
        if (HasFailure()) break;
    }
    EXPECT_EQ(served, kClients * kRounds * kConnectsPerRound);
}

TEST_F(BusClientsTest, OneThatSaysNothingIsLetGo) {
    serve_with({.introduction_ms = 20});
    with_threads(1, [&] {
        const UniqueFd mute = connect_raw();
        char byte = 0;
        EXPECT_EQ(recv(mute.get(), &byte, 1, 0), 0);
        const UniqueFd slow = connect_raw();
        EXPECT_EQ(send(slow.get(), "\0AUTH EXT", 9, 0), 9);
        EXPECT_EQ(recv(slow.get(), &byte, 1, 0), 0);
        const bus::Bus bus = connect();
        EXPECT_TRUE(call(bus.get(), "ListDomains", "").message);
    });
}

// The 129th root must be able to end a guest, whatever the others do with their connections.
TEST_F(BusClientsTest, WhenAllPlacesAreTakenTheLongestSilentOneGoes) {
    constexpr std::size_t kPlaces = 4;
    serve_with({.connections = kPlaces, .grace_ms = 0});
    with_threads(1, [&] {
        std::vector<bus::Bus> first;
        while (first.size() < kPlaces) first.push_back(connect_fully());
        EXPECT_TRUE(call(first[0].get(), "ListDomains", "").message);  // now the second is the longest silent
        const bus::Bus late = connect();
        EXPECT_TRUE(call(late.get(), "ListDomains", "").message);
        EXPECT_TRUE(call(first[0].get(), "ListDomains", "").message);
        EXPECT_TRUE(hung_up(first[1].get()));
        EXPECT_FALSE(hung_up(first[2].get()));
    });
}

TEST_F(BusClientsTest, WhoFindsAllPlacesBusyWaitsForOne) {
    serve_with({.connections = 1, .grace_ms = 1'000'000});
    with_threads(1, [&] {
        bus::Bus first = connect_fully();
        const bus::Bus second = connect();
        EXPECT_TRUE(call(first.get(), "ListDomains", "").message);
        EXPECT_FALSE(hung_up(first.get()));
        first.reset();
        EXPECT_TRUE(call(second.get(), "ListDomains", "").message);
    });
}

TEST_F(BusClientsTest, AProcessWithTooManyLosesItsOwn) {
    serve_with({.per_process = 2});
    with_threads(1, [&] {
        const bus::Bus first = connect_fully();
        const bus::Bus second = connect_fully();
        const bus::Bus third = connect_fully();
        EXPECT_TRUE(call(third.get(), "ListDomains", "").message);
        EXPECT_TRUE(hung_up(first.get()));
        EXPECT_FALSE(hung_up(second.get()));
    });
}

// A client that waits for a job keeps its place as long as another one is silent, and is told why it lost it.
TEST_F(BusClientsTest, WhoWaitsForAJobIsToldWhyItsConnectionGoes) {
    std::binary_semaphore go{0};
    hypervisor.build_hook = [&] { go.acquire(); };
    serve_with({.connections = 2, .grace_ms = 0});
    with_threads(1, [&] {
        const bus::Bus waiter = connect_fully();
        const std::uint64_t job =
            job_of(call(waiter.get(), "CreateDomain", "ssasa{sv}", definition("web1").c_str(), "f", 0, 0));
        std::string told;
        sd_bus_call_method_async(
            waiter.get(), nullptr, "org.hvctl1", bus::kObjectPath, bus::kInterface, "WaitJob",
            [](sd_bus_message* reply, void* text, sd_bus_error*) {
                const sd_bus_error* error = sd_bus_message_get_error(reply);
                *static_cast<std::string*>(text) = error != nullptr ? error->name : "no error";
                return 0;
            },
            &told, "t", job);
        EXPECT_TRUE(call(waiter.get(), "ListJobs", "").message);  // the wait has been taken
        const bus::Bus silent = connect_fully();
        const bus::Bus third = connect_fully();
        EXPECT_TRUE(call(third.get(), "ListDomains", "").message);
        EXPECT_TRUE(hung_up(silent.get()));
        EXPECT_FALSE(hung_up(waiter.get()));

        const auto wait_too = [&](sd_bus* bus) {
            sd_bus_call_method_async(bus, nullptr, "org.hvctl1", bus::kObjectPath, bus::kInterface, "WaitJob", nullptr,
                                     nullptr, "t", job);
            EXPECT_TRUE(call(bus, "ListJobs", "").message);
        };
        wait_too(third.get());
        const bus::Bus fourth = connect();
        EXPECT_TRUE(call(fourth.get(), "ListDomains", "").message);
        while (told.empty() && sd_bus_process(waiter.get(), nullptr) >= 0) sd_bus_wait(waiter.get(), 100'000);
        EXPECT_EQ(told, "org.hvctl1.Error.LimitReached");
        go.release();
    });
    process->settle();
}

TEST_F(BusClientsTest, OneThatReadsNoSignalsIsLetGo) {
    process->finish(create(definition("web1")));
    with_threads(1, [&] {
        const bus::Bus deaf = connect_fully();
        const bus::Bus good = connect();
        constexpr int kEnough = 5000;  // far beyond what the daemon keeps for one client and the kernel for a socket
        for (int i = 0; i < kEnough && !hung_up(deaf.get()); ++i) {
            EXPECT_TRUE(call(good.get(), "PauseDomain", "s", "web1").message);
            EXPECT_TRUE(call(good.get(), "UnpauseDomain", "s", "web1").message);
        }
        EXPECT_TRUE(hung_up(deaf.get()));
        EXPECT_TRUE(call(good.get(), "ListDomains", "").message);
    });
}

// No client may pile up replies here: one that does not read is not served meanwhile, and loses nothing.
TEST_F(BusClientsTest, OneThatReadsNoRepliesIsServedNoFurther) {
    constexpr int kCalls = 4000;
    std::atomic<int> served = 0;
    hypervisor.fail_at = [&](const std::string& name) -> hvctl::Result<void> {
        if (name == "host_info") ++served;
        return {};
    };
    std::atomic<int> replies = 0;
    with_threads(1, [&] {
        const bus::Bus greedy = connect_fully();
        for (int i = 0; i < kCalls; ++i) {
            sd_bus_call_method_async(
                greedy.get(), nullptr, "org.hvctl1", bus::kObjectPath, bus::kInterface, "GetHostInfo",
                [](sd_bus_message*, void* count, sd_bus_error*) {
                    ++*static_cast<std::atomic<int>*>(count);
                    return 0;
                },
                &replies, "");
        }
        const bus::Bus other = connect();
        for (int i = 0; i < kCalls / 8; ++i) EXPECT_TRUE(call(other.get(), "ListDomains", "").message);
        EXPECT_GT(served, 0);
        EXPECT_LT(served, kCalls / 2);
        while (replies < kCalls && sd_bus_process(greedy.get(), nullptr) >= 0) sd_bus_wait(greedy.get(), 10'000);
    });
    EXPECT_EQ(replies, kCalls);
    EXPECT_EQ(served, kCalls);
}

TEST_F(BusClientsTest, WaitsThatHaveEndedLeaveNothingBehind) {
    constexpr int kMoreThanAConnectionMayHave = 70;
    std::counting_semaphore<kMoreThanAConnectionMayHave> go{0};
    hypervisor.build_hook = [&] { go.acquire(); };
    with_client([&](sd_bus* bus) {
        for (int i = 0; i < kMoreThanAConnectionMayHave; ++i) {
            const std::uint64_t job =
                job_of(call(bus, "CreateDomain", "ssasa{sv}", definition("web1").c_str(), "f", 0, 0));
            std::string outcome;
            sd_bus_call_method_async(
                bus, nullptr, "org.hvctl1", bus::kObjectPath, bus::kInterface, "WaitJob",
                [](sd_bus_message* reply, void* text, sd_bus_error*) {
                    const sd_bus_error* error = sd_bus_message_get_error(reply);
                    *static_cast<std::string*>(text) = error != nullptr ? error->message : "done";
                    return 0;
                },
                &outcome, "t", job);
            EXPECT_TRUE(call(bus, "ListJobs", "").message);
            go.release();
            while (outcome.empty() && sd_bus_process(bus, nullptr) >= 0) sd_bus_wait(bus, 10'000);
            ASSERT_EQ(outcome, "done");
            call(bus, "WaitJob", "t", job_of(call(bus, "DestroyDomain", "s", "web1")));
        }
    });
}

// No descriptor is left: a client that comes then waits, without keeping the daemon's loop busy, and is served later.
TEST_F(BusClientsTest, ADaemonWithoutDescriptorsServesLater) {
    pollfd loop{.fd = uv_backend_fd(process->loop->raw()), .events = POLLIN, .revents = 0};
    // What the start began in other threads ends first: to check a type that it has not seen yet, the sanitizer
    // opens a pipe, and without one it takes the object for a broken one.
    bool rests = false;
    for (int i = 0; i < 1000 && !rests; ++i) {
        process->loop->run_once(false);  // first of all: it is what makes the loop's descriptor tell of it
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
        rests = others_sleep() && poll(&loop, 1, 0) == 0;
    }
    ASSERT_TRUE(rests);
    const UniqueFd waiting = connect_raw();
    const int lowest_free = UniqueFd{dup(0)}.get();
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < 10; ++i) process->loop->run_once(false);
    EXPECT_EQ(poll(&loop, 1, 0), 0) << "there is always something to do";
    setrlimit(RLIMIT_NOFILE, &before);
    with_client([&](sd_bus* bus) { EXPECT_TRUE(call(bus, "ListDomains", "").message); });
}

TEST_F(BusClientsTest, AnExceptionIsTheCallersError) {
    int kind = 0;
    hypervisor.fail_at = [&](const std::string& name) -> hvctl::Result<void> {
        if (name != "host_info") return {};
        if (kind == 0) throw std::bad_alloc{};
        if (kind == 1) throw std::length_error{"a string that is too long"};
        throw kind;
    };
    with_client([&](sd_bus* bus) {
        const auto error = [&] {
            const Reply reply = call(bus, "GetHostInfo", "");
            return reply.error_name + " " + reply.error_text;
        };
        EXPECT_EQ(error(), "org.hvctl1.Error.NoMemory HV-E0301: hvctld itself is out of memory");
        kind = 1;
        EXPECT_EQ(error(), "org.hvctl1.Error.Internal HV-E0001: a string that is too long");
        kind = 2;
        EXPECT_EQ(error(), "org.hvctl1.Error.Internal HV-E0001: an exception of no known type");
        EXPECT_TRUE(call(bus, "ListDomains", "").message);
    });
}

// In a message that is none, too, which sd-bus drops without closing them.
TEST_F(BusClientsTest, DescriptorsThatAClientSendsAreNotKept) {
    constexpr int kMillisecondsToLetGo = 10'000;
    with_threads(1, [&] {
        std::array<int, 2> ends{};
        ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
        const UniqueFd reading{ends[0]};
        UniqueFd writing{ends[1]};
        const UniqueFd peer = connect_raw();
        std::string user;
        for (const char digit : std::to_string(geteuid())) user += fmt::format("{:02x}", digit);
        const std::string hello = fmt::format("AUTH EXTERNAL {}\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", user);
        EXPECT_EQ(send(peer.get(), "\0", 1, 0), 1);
        EXPECT_EQ(send(peer.get(), hello.data(), hello.size(), 0), static_cast<ssize_t>(hello.size()));
        for (std::string answer; answer.find("AGREE_UNIX_FD") == std::string::npos;) {
            char byte = 0;
            ASSERT_EQ(recv(peer.get(), &byte, 1, 0), 1) << answer;
            answer += byte;
        }
        std::array<char, 16> nothing{'l', 1, 0, 1, 0, 0, 0, 0, 1};  // a call of nothing
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        iovec part{.iov_base = nothing.data(), .iov_len = nothing.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        const int passed = writing.get();
        std::memcpy(CMSG_DATA(rights), &passed, sizeof passed);
        EXPECT_EQ(sendmsg(peer.get(), &message, 0), static_cast<ssize_t>(nothing.size()));
        writing = {};
        shutdown(peer.get(), SHUT_WR);
        char byte = 0;
        while (recv(peer.get(), &byte, 1, 0) > 0) {
        }
        // The connection's end and that of what came with it are two steps of the daemon, in either order.
        pollfd ended{.fd = reading.get(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(poll(&ended, 1, kMillisecondsToLetGo), 1) << "the daemon has the other end";
        EXPECT_EQ(read(reading.get(), &byte, 1), 0);
    });
}

// Errors quote what was asked for: not all of it, however long it is.
TEST_F(BusClientsTest, ALongNameIsNotAnsweredInFull) {
    constexpr std::size_t kLong = 1 << 20;
    constexpr std::size_t kShort = 20 * 1024;
    with_client([&](sd_bus* bus) {
        const Reply reply = call(bus, "GetDomain", "s", std::string(kLong, 'x').c_str());
        EXPECT_EQ(reply.error_name, "org.hvctl1.Error.NoSuchDomain");
        EXPECT_LT(reply.error_text.size(), kShort);
        EXPECT_EQ(call(bus, "OpenConsole", "sst", "web1", "read", std::uint64_t{0}).error_name,
                  "org.hvctl1.Error.NoSuchDomain");
    });
}

TEST_F(BusClientsTest, AForgottenDomainIsSignalled) {
    std::vector<std::string> gone;
    const std::string uuid = (process->finish(create(definition("web1"))), view("web1").uuid);
    with_client([&](sd_bus* bus) {
        sd_bus_add_filter(
            bus, nullptr,
            [](sd_bus_message* message, void* list, sd_bus_error*) {
                const char* name = nullptr;
                const char* id = nullptr;
                if (sd_bus_message_is_signal(message, bus::kInterface, "DomainForgotten") > 0 &&
                    sd_bus_message_read(message, "ss", &name, &id) > 0)
                    static_cast<std::vector<std::string>*>(list)->push_back(std::string{name} + " " + id);
                return 0;
            },
            &gone);
        call(bus, "WaitJob", "t", job_of(call(bus, "DestroyDomain", "s", "web1")));
        EXPECT_TRUE(call(bus, "ForgetDomain", "s", "web1").message);
        while (sd_bus_process(bus, nullptr) > 0) {
        }
    });
    EXPECT_EQ(gone, std::vector{"web1 " + uuid});
}

}  // namespace
}  // namespace hvctld::test
