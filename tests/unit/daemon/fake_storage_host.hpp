// LVM without a disk: one volume group whose logical volumes are in memory, and have what others left in them as real
// ones do. And a qemu-img that knows one answer.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/storage_host.hpp"

namespace hvctld::test {

class FakeStorageHost final : public StorageHost {
  public:
    static constexpr std::uint64_t kExtent = 1 << 20;
    static constexpr char kStale = 'S';  // what has not been zeroed is full of it

    Result<ProgramOutcome> run(const std::vector<std::string>& command, const std::stop_token& cancel) override;
    Result<UniqueFd> open_device(const std::string& path) override;
    Result<std::uint64_t> size_of_device(int device) override;
    Result<void> zero(int device, std::uint64_t from, std::uint64_t bytes) override;
    Result<void> discard(int device, std::uint64_t from, std::uint64_t bytes) override;

    // Before each command and each piece that is zeroed ("zero"): an error, or an exception of the test's, in its
    // place.
    std::function<Result<void>(const std::string& what)> on_call;
    std::uint64_t free = 64 << 20;
    bool pool_zeroes = true;
    bool can_discard = true;
    std::string converted;  // what qemu-img makes

    // "name bytes tags", a line each, but the thin pool "thin".
    [[nodiscard]] std::string volumes() const;
    [[nodiscard]] std::string content(const std::string& name) const;
    void write(const std::string& name, const std::string& text);
    [[nodiscard]] std::vector<std::string> commands() const;
    void add(const std::string& name, std::uint64_t bytes, const std::set<std::string>& tags);

  private:
    struct Volume {
        std::uint64_t bytes = 0;
        std::set<std::string> tags;
        bool thin = false;
        UniqueFd memory;
    };
    struct Words;

    Result<ProgramOutcome> lvm(const Words& words);
    ProgramOutcome create(const Words& words);
    ProgramOutcome extend(const Words& words);
    ProgramOutcome report(const Words& words) const;
    Result<ProgramOutcome> convert(const std::vector<std::string>& command);
    bool resize(Volume& volume, std::uint64_t bytes);

    mutable std::mutex mutex_;
    std::map<std::string, Volume> volumes_;
    std::vector<std::string> commands_;
};

}  // namespace hvctld::test
