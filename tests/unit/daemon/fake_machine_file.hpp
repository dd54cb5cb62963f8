// A fake hypervisor's domains in a file that is mapped: they outlive the process that is killed, as a real hypervisor's
// do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "hypervisor/hypervisor.hpp"

namespace hvctld::test {

using FakePage = std::array<std::byte, 4096>;
// Of the file; null: of this process alone.
std::shared_ptr<FakePage> fresh_page(FakePage* in_file);

// One domain. All zero: none is there. A kill may come between any two stores, so `there` is set last, and cleared
// first.
struct FakeSlot {
    std::uint32_t there;
    abi::DomainInfo info;
    std::uint64_t claim;
    std::uint64_t console_frame, store_frame;
    std::uint32_t console_port, store_port;
    char cmdline[1024];
    alignas(4096) FakePage console;
    FakePage store;
};

class FakeMachineFile {
  public:
    static constexpr std::size_t kSlots = 32;
    struct Content {
        std::uint64_t domains_made;
        std::uint64_t frames_made;
        alignas(4096) FakePage local_store;
        std::array<FakeSlot, kSlots> slots;
    };

    // Makes the file where there is none. Ends the process when that fails.
    explicit FakeMachineFile(const std::string& path);
    ~FakeMachineFile();
    FakeMachineFile(const FakeMachineFile&) = delete;
    FakeMachineFile& operator=(const FakeMachineFile&) = delete;

    Content* operator->() { return content_; }
    // Null when all are in use.
    FakeSlot* free_slot();

  private:
    Content* content_;
};

}  // namespace hvctld::test
