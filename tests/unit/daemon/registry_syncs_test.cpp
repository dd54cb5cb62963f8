// The loop does not wait for the disk: what sqlite syncs, another thread does.
#include <sqlite3.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "registry/retry.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

// sqlite's own files, with every sync counted, on the thread that began the count and on others, and answered at once:
// the disk of a busy host may take seconds, which the registry rightly reports.
class CountedSyncs {
  public:
    CountedSyncs() {
        here_ = 0;
        elsewhere_ = 0;
        thread_ = std::this_thread::get_id();
        own_ = sqlite3_vfs_find(nullptr);
        vfs_ = *own_;
        vfs_.zName = "counted";
        vfs_.xOpen = [](sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* opened) {
            const int status = own_->xOpen(own_, name, file, flags, opened);
            if (status != SQLITE_OK || file->pMethods == nullptr) return status;
            const std::lock_guard guard{mutex_};
            const auto [counted, is_new] = methods_.try_emplace(file->pMethods, *file->pMethods);
            if (is_new) {
                counted->second.xSync = [](sqlite3_file*, int) {
                    ++(std::this_thread::get_id() == thread_ ? here_ : elsewhere_);
                    return SQLITE_OK;
                };
            }
            file->pMethods = &counted->second;
            return status;
        };
        sqlite3_vfs_register(&vfs_, 1);
    }
    ~CountedSyncs() {
        sqlite3_vfs_register(own_, 1);
        sqlite3_vfs_unregister(&vfs_);
    }
    CountedSyncs(const CountedSyncs&) = delete;
    CountedSyncs& operator=(const CountedSyncs&) = delete;

    static int here() { return here_; }
    static int elsewhere() { return elsewhere_; }

  private:
    static inline sqlite3_vfs* own_ = nullptr;
    static inline sqlite3_vfs vfs_{};
    // By sqlite's own, of which it has several.
    static inline std::map<const sqlite3_io_methods*, sqlite3_io_methods> methods_;
    static inline std::mutex mutex_;
    static inline std::thread::id thread_;
    static inline std::atomic<int> here_ = 0;
    static inline std::atomic<int> elsewhere_ = 0;
};

TEST(RegistrySyncs, AreNeverOnTheLoop) {
    constexpr std::size_t kDefinitionBytes = 200'000;  // some fifty pages with each record
    constexpr int kRounds = 3;
    const TemporaryFolder folder;
    const CountedSyncs syncs;
    Loop loop;
    const auto registry = std::move(Registry::open(folder / "state.db").value());
    const auto retry = std::make_unique<RegistryRetry>(loop, *registry);
    std::vector<std::string> troubles;
    retry->on_trouble = [&](const std::string& trouble) { troubles.push_back(trouble); };
    DomainRecord record;
    record.name = "web1";
    record.draft = true;  // no revisions
    const auto save = [&] {
        (void)registry->save(record);
        while (registry->being_written()) loop.run_once();
    };
    save();
    const int before = CountedSyncs::here();
    int letters = 0;
    for (int round = 0; round < kRounds; ++round) {
        const int moved = CountedSyncs::elsewhere();
        while (loop.raw()->active_reqs.count == 0) {
            // What has not changed would not be written.
            record.definition = std::string(kDefinitionBytes, static_cast<char>('a' + ++letters % 20));
            save();
        }
        while (loop.raw()->active_reqs.count != 0) loop.run_once();  // what is beside the file is moved, in the pool
        EXPECT_GT(CountedSyncs::elsewhere(), moved);
        const int full = registry->pages_beside();
        record.definition = "small";
        save();
        EXPECT_FALSE(registry->trouble());
        EXPECT_LT(registry->pages_beside(), full);  // it has been begun anew
    }
    EXPECT_EQ(CountedSyncs::here(), before);
    EXPECT_EQ(troubles, std::vector<std::string>{});
    EXPECT_EQ(registry->domains().value().size(), 1u);
}

}  // namespace
}  // namespace hvctld::test
