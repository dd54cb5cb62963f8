// Making the journal shorter while everything goes on: whenever the process is killed, the store comes back as it was.
#include <filesystem>
#include <random>

#include <gtest/gtest.h>

#include "guest.hpp"
#include "store/engine.hpp"
#include "store/ring_client.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;

constexpr std::uint16_t kGuests = 100;

std::string home(std::uint16_t number) {
    return "/local/domain/" + std::to_string(number);
}

void describe_nodes(Store& store, const std::string& path, std::string& text) {
    text += path + '=' + *store.read(path);
    const Permissions permissions = *store.permissions(path);
    for (const PermissionEntry& entry : permissions) text += ' ' + format_permission(entry);
    text += '\n';
    const std::vector<std::string> names = *store.list(path);
    for (const std::string& name : names) describe_nodes(store, path == "/" ? path + name : path + '/' + name, text);
}

// All that must survive.
std::string describe(Store& store) {
    std::string text;
    describe_nodes(store, "/", text);
    for (const auto& [id, domain] : store.engine().domains()) {
        const DomainStatistics statistics = *store.statistics(id);
        text += std::to_string(id.raw) + ": gfn " + std::to_string(domain.gfn) + " nodes " +
                std::to_string(statistics.nodes) + " watches " + std::to_string(statistics.watches) + " transactions " +
                std::to_string(statistics.transactions) + " quota " +
                std::to_string(statistics.quotas.get(Quota::Watches)) + " target " +
                (domain.ring->actor().target ? std::to_string(domain.ring->actor().target->raw) : "-") + " output";
        for (const OutputQueue::Message& message : domain.ring->output().messages()) {
            text += ' ' + message.bytes.substr(sizeof(MessageHeader));
        }
        text += '\n';
    }
    return text;
}

class Host {
  public:
    explicit Host(std::string folder) : folder_(std::move(folder)), store_(make_store(folder_)) {
        (void)store_->write("/shared", std::string(1500, 's'));
        (void)store_->set_permissions("/shared", {{kDom0, Access::Read}});
        for (std::uint16_t number = 1; number <= kGuests; ++number) guests_.emplace_back(DomainId{number});
        for (Guest& guest : guests_) introduce(guest);
    }

    void introduce(Guest& guest) {
        const std::uint16_t number = guest.domain().raw;
        guest = Guest{guest.domain()};
        (void)store_->write(home(number) + "/data", "1");
        (void)store_->set_permissions(home(number) + "/data", {{guest.domain(), Access::Read}});
        guest.introduce(*store_);
        for (int watch = 0; watch < 4; ++watch) {
            const std::string path = "/shared/" + std::to_string((number + watch) % 100);
            guest.ask(*store_, T::Watch, strings({path, "token"}));
            guest.ask(*store_, T::Watch, strings({path + '/' + std::string(1000, 'd'), "token"}));
        }
        // Replies that it does not take. With all this, saving rings and watches takes some dozens of steps.
        for (int request = 0; request < 2; ++request) guest.send(T::Read, "/shared\0"s);
        guest.write_some();
        store_->ring_event(guest.domain());
    }

    void some_step() {
        Guest& guest = guests_[pick(kGuests)];
        const DomainId id = guest.domain();
        const std::string shared = "/shared/" + std::to_string(pick(100));
        const std::string own = "/shared/" + std::to_string((id.raw + pick(4)) % 100);
        switch (pick(16)) {
            case 0: guest.ask(*store_, T::Watch, strings({shared, std::to_string(pick(4))})); break;
            case 1: guest.ask(*store_, T::Unwatch, strings({shared, std::to_string(pick(4))})); break;
            case 2:
            case 11:
            case 12: guest.ask(*store_, T::Unwatch, strings({own, "token"})); break;
            case 3: guest.ask(*store_, T::TransactionStart, "\0"s); break;
            case 4: guest.ask(*store_, T::Write, home(id.raw) + "/data/x\0"s + std::to_string(pick(99))); break;
            case 5: store_->set_target(id, DomainId{static_cast<std::uint16_t>(pick(kGuests) + 1)}); break;
            case 6: store_->set_quota(id, Quota::Watches, static_cast<std::uint32_t>(100 + pick(9))); break;
            case 7: (void)guest.ask(*store_, T::ResetWatches, "\0"s); break;
            case 8:
            case 10:
                store_->release_domain(id);
                if (pick(2) == 0) (void)store_->remove(home(id.raw));
                introduce(guest);
                break;
            case 9:  // half a request, and a new ring instead of the rest
                guest.send_raw("half a req");
                guest.write_some();
                store_->ring_event(id);
                introduce(guest);
                break;
            default:  // events that are not taken
                for (int i = 0; i < 3; ++i) {
                    (void)store_->write(shared + "/" + std::to_string(pick(40)), std::string(3000, 'x'));
                }
        }
    }

    // What a process would find that begins now, had this one been killed.
    std::string after_kill() const {
        const TemporaryFolder copy;
        std::filesystem::copy(folder_, copy.path(), std::filesystem::copy_options::recursive);
        std::vector<Guest> guests = guests_;
        std::vector<std::string> log;
        const auto store = make_store(copy.path(), {}, &log);
        for (Guest& guest : guests) guest.attach(*store);
        std::string text = describe(*store);
        for (const std::string& line : log) text += line + '\n';
        return text;
    }
    bool compacting() const { return std::filesystem::exists(folder_ + "/journal.new"); }
    Store& store() { return *store_; }

  private:
    std::size_t pick(std::size_t limit) { return random_() % limit; }
    std::string folder_;
    std::unique_ptr<Store> store_;
    std::vector<Guest> guests_;
    std::minstd_rand random_{7};
};

TEST(Compaction, LosesNothingWheneverItIsInterrupted) {
    const TemporaryFolder folder;
    Host host{folder.path()};
    int interrupted = 0;
    for (int step = 0; host.store().statistics().compactions < 3; ++step) {
        ASSERT_LT(step, 100'000);
        host.some_step();
        if (step % (host.compacting() ? 8 : 500) != 0) continue;
        interrupted += host.compacting() ? 1 : 0;
        ASSERT_EQ(host.after_kill(), describe(host.store())) << "step " << step;
    }
    EXPECT_GT(interrupted, 3);
    EXPECT_EQ(host.after_kill(), describe(host.store()));
}

}  // namespace
}  // namespace hvctld::store::test
