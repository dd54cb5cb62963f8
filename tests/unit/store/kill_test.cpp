// A real process with the store, killed with SIGKILL again and again while a domain talks to it.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;

std::shared_ptr<RingPage> shared_page() {
    void* const memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no shared page");
    return {static_cast<RingPage*>(memory), [](RingPage* page) { ::munmap(page, 4096); }};
}

[[noreturn]] void serve(const std::string& folder, RingPage* page) {
    const DomainId domain{5};
    const auto store = make_store(folder);
    const RingPort port{page, [] {}, nullptr};
    const bool known = store->is_introduced(domain);
    if (!(known ? store->attach_ring(domain, port) : store->introduce_domain(domain, 1, 1, port))) ::_exit(2);
    if (!known && !store->set_permissions("/", {{domain, Access::None}})) ::_exit(3);
    while (true) {
        store->ring_event(domain);
        (void)store->run_pending();
        ::usleep(50);
    }
}

TEST(Killed, NothingIsLostOrDoneTwice) {
    constexpr std::uint32_t kRequests = 2700;
    const TemporaryFolder folder;
    const auto page = shared_page();
    Guest guest{DomainId{5}, page};
    for (std::uint32_t i = 0; i < kRequests; i += 3) {
        const std::string path = "/n/" + std::to_string(i);
        guest.send(T::Watch, strings({path, "t"}));
        guest.send(T::Write, path + '\0' + std::string(i % 900, 'v'));
        guest.send(T::Unwatch, strings({path, "t"}));
    }
    std::mt19937 random{3};
    int kills = 0;
    while (guest.answers().size() < kRequests) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) serve(folder.path(), page.get());
        // Kill it some answers later, wherever it is then; the first one must have introduced the domain.
        const std::size_t until = std::min<std::size_t>(kRequests, guest.answers().size() + 1 + random() % 120);
        int status = 0;
        while (guest.answers().size() < until && ::waitpid(child, &status, WNOHANG) == 0) {
            guest.write_some();
            guest.read_some();
        }
        ASSERT_EQ(status, 0) << "the store ended by itself";
        ::kill(child, SIGKILL);
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ++kills;
        guest.read_some();
    }
    EXPECT_GT(kills, 10);
    ASSERT_EQ(guest.answers().size(), kRequests);
    for (std::uint32_t i = 0; i < kRequests; ++i) {
        ASSERT_EQ(guest.answers()[i].request, i + 1);
        ASSERT_EQ(guest.answers()[i].payload, "OK\0"s) << "request " << i + 1;
    }
    const auto store = make_store(folder.path());
    EXPECT_EQ(store->list("/n")->size(), kRequests / 3);
    EXPECT_EQ(store->statistics(DomainId{5})->watches, 0u);
}

}  // namespace
}  // namespace hvctld::store::test
