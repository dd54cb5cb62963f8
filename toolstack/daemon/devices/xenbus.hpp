// The devices of one class that a guest has, as the store has them: each a pair of folders, the backend's and the
// frontend's, by which a driver of Dom0's kernel and the guest's find each other (Xen's public/io/xenbus.h).
//
// The guest writes what it likes into its own folder, and nothing there is believed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.hpp"
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

// What people are told of it: starting, waiting, connected, closing, closed.
std::string word_of(BusState state);

class BusDevices {
  public:
    // `kind` is the class's name in the store: vbd, vif.
    BusDevices(store::Store& store, std::string_view kind, std::uint16_t domid)
        : store_{store}, kind_{kind}, domid_{domid} {}

    struct Node {
        std::string name;
        std::string value;
        bool hidden = false;  // from the guest
    };
    struct Entry {
        std::uint32_t number = 0;
        std::vector<Node> frontend;
        std::vector<Node> backend;
    };
    // All of them, or none; without what every device has.
    Result<void> add(const std::vector<Entry>& entries);
    void remove(std::uint32_t number);
    void remove_all();
    // What is in Dom0's part alone, of a domain that is gone.
    static void remove_backends(store::Store& store, std::string_view kind, std::uint16_t domid);

    // Those that have a backend, ascending.
    [[nodiscard]] std::vector<std::uint32_t> numbers() const;
    // Of the backend's folder.
    [[nodiscard]] std::optional<std::string> read(std::uint32_t number, std::string_view name) const;
    Result<void> write(std::uint32_t number, const Node& node);

    // Where the backend is; nothing when it is not in the store.
    [[nodiscard]] std::optional<BusState> state(std::uint32_t number) const;
    // What the backend has complained of, in short; empty when of nothing. Parts of it may be the guest's words.
    [[nodiscard]] std::string trouble(std::uint32_t number) const;
    // Asks both ends to let go of the device.
    Result<void> close(std::uint32_t number);
    // Takes that back, unless the guest has begun to.
    void keep_open(std::uint32_t number);

  private:
    [[nodiscard]] std::string backend(std::uint32_t number) const;
    [[nodiscard]] std::string frontend(std::uint32_t number) const;
    [[nodiscard]] store::Permissions permissions(const Node& node) const;

    store::Store& store_;
    std::string_view kind_;
    std::uint16_t domid_;
};

}  // namespace hvctld
