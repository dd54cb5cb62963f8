// Dom0's Linux and its LVM.
#pragma once

#include "storage/storage_host.hpp"

namespace hvctld {

class KernelStorageHost final : public StorageHost {
  public:
    Result<ProgramOutcome> run(const std::vector<std::string>& command, const std::stop_token& cancel) override;
    Result<UniqueFd> open_device(const std::string& path) override;
    Result<std::uint64_t> size_of_device(int device) override;
    Result<void> zero(int device, std::uint64_t from, std::uint64_t bytes) override;
    Result<void> discard(int device, std::uint64_t from, std::uint64_t bytes) override;
};

}  // namespace hvctld
