// The journal file: what it gives back, where it is cut, how it is made shorter, what happens when it cannot grow.
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <optional>

#include <gtest/gtest.h>

#include "guest.hpp"
#include "store/engine.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;

std::string slurp(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

// A file system that takes no more than 2000 bytes of a file, while this lives.
class SmallFiles {
  public:
    SmallFiles() {
        EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &limit_), 0);
        const rlimit tiny{2000, limit_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &tiny), 0);
    }
    ~SmallFiles() {
        EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit_), 0);
        std::signal(SIGXFSZ, handler_);
    }
    SmallFiles(const SmallFiles&) = delete;
    SmallFiles& operator=(const SmallFiles&) = delete;

  private:
    void (*handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit_{};
};

// The whole store as text: paths, values, permissions.
void describe(Store& store, const std::string& path, std::string& text) {
    text += path + '=' + *store.read(path);
    const Permissions permissions = *store.permissions(path);
    for (const PermissionEntry& entry : permissions) text += ' ' + format_permission(entry);
    text += '\n';
    const std::string prefix = path == "/" ? path : path + '/';
    const std::vector<std::string> names = *store.list(path);
    for (const std::string& name : names) describe(store, prefix + name, text);
}

std::string describe(Store& store) {
    std::string text;
    describe(store, "/", text);
    return text;
}

TEST(JournalFile, GivesEverythingBack) {
    const TemporaryFolder folder;
    std::string before;
    {
        const auto store = make_store(folder.path());
        ASSERT_TRUE(store->write("/a/b", "bytes\0inside"s));
        ASSERT_TRUE(store->write("/", "root"));
        ASSERT_TRUE(store->set_permissions("/a", {{DomainId{3}, Access::Read}, {DomainId{4}, Access::Both}}));
        ASSERT_TRUE(store->write("/gone/deep", "1"));
        ASSERT_TRUE(store->remove("/gone"));
        ASSERT_TRUE(store->set_permissions("@releaseDomain", {{kDom0, Access::Read}}));
        store->set_quota(DomainId{3}, Quota::Nodes, 17);
        Quotas quotas;
        quotas.set(Quota::Watches, 3);
        store->set_default_quotas(quotas);
        const TransactionId id = store->start_transaction();
        ASSERT_TRUE(store->write("/tx/x", "1", id));
        ASSERT_TRUE(store->commit(id));
        const TransactionId lost = store->start_transaction();
        ASSERT_TRUE(store->write("/tx/y", "1", lost));
        before = describe(*store);
    }
    const auto store = make_store(folder.path());
    EXPECT_EQ(describe(*store), before);
    EXPECT_EQ(store->quotas(DomainId{3}).get(Quota::Nodes), 17u);
    EXPECT_EQ(store->quotas(DomainId{9}).get(Quota::Watches), 3u);
    EXPECT_EQ(store->statistics().nodes, 5u);
    EXPECT_EQ(store->statistics(DomainId{3})->nodes, 1u);
    EXPECT_EQ(store->engine().special_permissions("@releaseDomain").front().access, Access::Read);
}

TEST(JournalFile, DamageEndsIt) {
    const TemporaryFolder folder;
    {
        const auto store = make_store(folder.path());
        ASSERT_TRUE(store->write("/a", "1"));
        ASSERT_TRUE(store->write("/b", "1"));
    }
    const std::string path = folder.path() + "/journal";
    std::string bytes = slurp(path);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    std::ofstream{path, std::ios::binary} << bytes;
    const auto store = make_store(folder.path());
    EXPECT_TRUE(store->exists("/a"));
    EXPECT_FALSE(store->exists("/b"));
    ASSERT_TRUE(store->write("/c", "1"));
    EXPECT_TRUE(make_store(folder.path())->exists("/c"));
}

TEST(JournalFile, ForeignFilesAreRefusedAndNamed) {
    const TemporaryFolder folder;
    std::ofstream{folder.path() + "/journal"} << "somebody else's file";
    StoreOptions options;
    options.journal_directory = folder.path();
    const auto store = Store::create(options);
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().find(folder.path() + "/journal"), std::string::npos);
    options.journal_directory = "/proc/none/such";
    ASSERT_FALSE(Store::create(options));
    EXPECT_EQ(slurp(folder.path() + "/journal"), "somebody else's file");
}

TEST(JournalFile, CompactionKeepsWhatHappensMeanwhile) {
    const TemporaryFolder folder;
    std::string before;
    std::uint64_t largest = 0;
    Guest guest{DomainId{5}};
    {
        const auto store = make_store(folder.path());
        guest.introduce(*store);
        ASSERT_EQ(guest.ask(*store, T::Watch, strings({"/n/7", "t"})), "OK");
        for (int i = 0; i < 2000; ++i) ASSERT_TRUE(store->write("/n/" + std::to_string(i), std::string(200, 'x')));
        for (int i = 0; i < 30'000; ++i) {
            ASSERT_TRUE(store->write("/n/" + std::to_string(i % 2500), std::to_string(i)));
            if (i % 7 == 0) {
                ASSERT_TRUE(store->remove("/n/" + std::to_string((i * 31) % 2500)));
            }
            largest = std::max(largest, store->statistics().journal_bytes);
        }
        EXPECT_GT(store->statistics().compactions, 0u);
        before = describe(*store);
    }
    EXPECT_LT(largest, 8u * 1024 * 1024);
    const auto store = make_store(folder.path());
    EXPECT_EQ(describe(*store), before);
    EXPECT_EQ(store->statistics(DomainId{5})->watches, 1u);
    EXPECT_FALSE(std::filesystem::exists(folder.path() + "/journal.new"));
}

TEST(JournalFile, RefusedWritesAreToldAndMadeUpFor) {
    const TemporaryFolder folder;
    std::vector<std::string> log;
    std::string before;
    {
        const auto store = make_store(folder.path(), {}, &log);
        ASSERT_TRUE(store->write("/a", "1"));
        std::optional<SmallFiles> full{std::in_place};
        for (int i = 0; i < 100; ++i) EXPECT_TRUE(store->write("/full/" + std::to_string(i), "value"));
        EXPECT_TRUE(store->statistics().journal_failed);
        full.reset();
        for (int i = 0; i < 5000; ++i) EXPECT_TRUE(store->write("/b", "1"));
        EXPECT_FALSE(store->statistics().journal_failed);
        before = describe(*store);
    }
    ASSERT_EQ(log.size(), 2u);
    EXPECT_NE(log.front().find("free space"), std::string::npos);
    EXPECT_EQ(describe(*make_store(folder.path())), before);
}

// A store in which nothing happens any more is made whole, too.
TEST(JournalFile, IsTriedAgainWhenAskedTo) {
    const TemporaryFolder folder;
    std::string before;
    {
        const auto store = make_store(folder.path());
        std::optional<SmallFiles> full{std::in_place};
        for (int i = 0; i < 100; ++i) EXPECT_TRUE(store->write("/full/" + std::to_string(i), "value"));
        store->retry_journal();
        EXPECT_TRUE(store->statistics().journal_failed);
        full.reset();
        store->retry_journal();
        EXPECT_FALSE(store->statistics().journal_failed);
        before = describe(*store);
    }
    EXPECT_EQ(describe(*make_store(folder.path())), before);
}

// When the file system is filled up then, that room is still the journal's.
TEST(JournalFile, TakesRoomAhead) {
    const TemporaryFolder folder;
    const auto ahead = [&] {
        struct stat status {};
        EXPECT_EQ(::stat((folder.path() + "/journal").c_str(), &status), 0);
        return status.st_blocks * 512 - status.st_size;
    };
    const auto store = make_store(folder.path());
    EXPECT_GT(ahead(), 64 * 1024);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(store->write("/a", std::string(2000, 'x')));
    EXPECT_GT(ahead(), 64 * 1024);
    const auto again = make_store(folder.path());
    EXPECT_GT(ahead(), 64 * 1024);
}

TEST(Records, DamagedBytesAreRefused) {
    RecordWriter writer;
    writer.domain_introduced(DomainId{4}, 1, 2);
    writer.watch_added(DomainId{4}, "/a", "token", 0);
    writer.effect({EffectKind::Create, "/a", "value", Ref{new PermissionSet{{{kDom0, Access::Read}}}}});
    writer.ring_output(DomainId{4}, {"bytes", true});
    const std::string bytes = writer.buffer();
    RecordWriter copy;
    EXPECT_TRUE(replay_records(bytes, copy));
    EXPECT_EQ(copy.buffer(), bytes);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        RecordWriter part;
        if (replay_records(std::string_view{bytes}.substr(0, cut), part)) {
            EXPECT_EQ(part.buffer(), bytes.substr(0, cut));
        }
        std::string flipped = bytes;
        flipped[cut] = static_cast<char>(flipped[cut] ^ 0x80);
        RecordWriter any;
        (void)replay_records(flipped, any);
    }
}

TEST(Checksum, IsCrc32c) {
    EXPECT_EQ(checksum("123456789"), 0xe3069283u);
}

}  // namespace
}  // namespace hvctld::store::test
