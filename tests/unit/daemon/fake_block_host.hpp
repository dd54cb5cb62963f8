// Dom0's kernel as far as disks go: block devices that are numbers, and backends that do in the store what xen-blkback
// and a guest's driver do there.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "devices/block/block_host.hpp"
#include "store/store.hpp"

namespace hvctld::test {

inline constexpr std::uint64_t kFakeRoom = std::uint64_t{1} << 40;

class FakeBlockHost final : public BlockHost {
  public:
    Result<Backing> attach(Image image, const config::DiskDefinition& disk) override;
    Result<void> grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes) override;
    Result<FileSystemRoom> room_for(const std::vector<ImageFile>& images) override;
    Result<std::pair<ImageId, Backing>> find_again(const config::DiskDefinition& disk, dev_t device) override;
    [[nodiscard]] std::optional<dev_t> serves(DomainId domain, std::uint32_t number) override;
    [[nodiscard]] std::optional<DiskCounters> counters(DomainId domain, std::uint32_t number) override;
    [[nodiscard]] Result<void> check_limits() override;
    Result<bool> keep_limits(const std::vector<LimitedGuest>& guests) override;
    void limit_newcomers() override { ++newcomer_looks; }
    [[nodiscard]] bool has_let_go(DomainId domain, std::uint32_t number, dev_t device) override;

    // The kernel notices changes in this store from now on, as it does in that of each process of the daemon.
    void watch(store::Store& store, std::function<void(std::function<void()>)> post);

    // Hooks of tests.
    bool has_blkback = true;
    bool guest_takes = true;                                    // the guest's driver connects
    bool guest_lets_go = true;                                  // and closes when it is asked
    bool requests_hang = false;                                 // those that are under way when a disk is taken away
    std::string complaint;                                      // of blkback, instead of serving
    std::function<Result<void>(const std::string&)> on_attach;  // from the thread that attaches; the disk's target
    std::string grown;                                          // "xvda 7:0 1048576", by the last grow()
    std::map<std::pair<std::uint16_t, std::uint32_t>, dev_t> served;
    DiskCounters counted;  // of each disk that is served
    bool can_limit = true;
    std::atomic<unsigned> newcomer_looks = 0;
    std::vector<LimitedGuest> limited;  // by the last keep_limits(), which another thread calls
    std::mutex limiting;
    // The file system that all images are on; and what is done in place of that, by the thread that looks.
    FileSystemRoom room{"/srv", kFakeRoom, kFakeRoom / 2, {}, {}};
    std::set<std::string> allocated;  // images that do not grow, by path
    std::function<Result<FileSystemRoom>(const std::vector<ImageFile>&)> on_room;
    std::mutex measuring;  // of these three

  private:
    void go_on(store::Store& store);
    void look(store::Store& store, const std::string& path);

    unsigned devices_ = 0;
};

}  // namespace hvctld::test
