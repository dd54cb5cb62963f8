// A disk of a guest as the store has it: a pair of folders, the backend's and the frontend's, by which xen-blkback in
// Dom0's kernel and the guest's driver find each other (Xen's public/io/blkif.h and xenbus.h).
//
// The guest writes what it likes into its own folder, and nothing there is believed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "config/definition.hpp"
#include "store/store.hpp"

namespace hvctld {

// XenbusState of xenbus.h.
enum class BusState : std::uint8_t {
    Unknown = 0,
    Initialising = 1,
    InitWait = 2,
    Initialised = 3,
    Connected = 4,
    Closing = 5,
    Closed = 6,
};

// "7:1f", as blkback reads and shows it.
std::optional<dev_t> parse_physical_device(const std::string& text);

class Vbds {
  public:
    Vbds(store::Store& store, std::uint16_t domid) : store_{store}, domid_{domid} {}

    struct Entry {
        const config::DiskDefinition* disk = nullptr;
        dev_t device = 0;
    };
    // All of them, or none.
    Result<void> add(const std::vector<Entry>& entries);
    void remove(std::uint32_t number);
    void remove_all();
    // What is in Dom0's part alone, of a domain that is gone.
    static void remove_backends(store::Store& store, std::uint16_t domid);

    // Where the backend is; nothing when it is not in the store.
    [[nodiscard]] std::optional<BusState> state(std::uint32_t number) const;
    // The block device that the backend serves; 0 when it is not there.
    [[nodiscard]] dev_t device(std::uint32_t number) const;
    // What the backend has complained of, in short; empty when of nothing. Parts of it may be the guest's words.
    [[nodiscard]] std::string trouble(std::uint32_t number) const;
    // Asks both ends to let go of the disk.
    Result<void> close(std::uint32_t number);
    [[nodiscard]] bool is_closing(std::uint32_t number) const;
    // Takes that back, unless the guest has begun to.
    void keep_open(std::uint32_t number);

  private:
    [[nodiscard]] std::string backend(std::uint32_t number) const;
    [[nodiscard]] std::string frontend(std::uint32_t number) const;

    store::Store& store_;
    std::uint16_t domid_;
};

}  // namespace hvctld
