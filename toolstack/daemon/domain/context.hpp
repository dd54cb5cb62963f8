// What all parts of domain/ and devices/ work with: the host's side of everything, and the means that they share.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/disk_thread.hpp"
#include "base/loop.hpp"
#include "config/settings.hpp"
#include "console/console.hpp"
#include "devices/block/block_host.hpp"
#include "devices/block/image_claims.hpp"
#include "devices/network/network_host.hpp"
#include "devices/network/nic_claims.hpp"
#include "devices/network/nic_hooks.hpp"
#include "domain/cpu_pools.hpp"
#include "domain/job_queue.hpp"
#include "domain/pool_lane.hpp"
#include "hypervisor/event_hub.hpp"
#include "hypervisor/hypervisor.hpp"
#include "registry/registry.hpp"
#include "registry/retry.hpp"
#include "storage/storage_host.hpp"
#include "store/store.hpp"

namespace hvctld {

struct Domain;

struct ManagerPaths {
    ConsolePaths console;
    std::string boot_id;      // tells one boot of the host from another
    std::string machine_id;   // tells one host from another
    std::string seeds;        // the folder of the guests' cloud-init seeds
    std::string dumps;        // the folder of core files for which no path was given
    std::string scratch;      // the folder where images are converted
    std::string ledger;       // the file of what domains got; empty: none
    std::string autostarted;  // the file that says, until the host ends, that autostart is over
};

inline constexpr std::size_t kMostNetworkWork = 16;
inline constexpr std::size_t kMostDumps = 4;
inline constexpr std::size_t kMostVolumeWork = 8;
inline constexpr std::size_t kMostLooks = 64;  // each is a thread, which may be one that waits for a dead disk

struct Context {
    Context(Loop& the_loop, Hypervisor& the_hypervisor, std::shared_ptr<BlockHost> the_blocks,
            std::shared_ptr<NetworkHost> the_network, std::shared_ptr<StorageHost> the_storage, store::Store& the_store,
            Registry& the_registry, config::Settings the_settings, ManagerPaths the_paths)
        : loop{the_loop},
          hypervisor{the_hypervisor},
          blocks{std::move(the_blocks)},
          network{std::move(the_network)},
          storage{std::move(the_storage)},
          store{the_store},
          registry{the_registry},
          settings{std::move(the_settings)},
          networks{settings.networks.value_or(std::vector{config::usual_network(the_paths.machine_id)})},
          dom0{settings.dom0},
          paths{std::move(the_paths)},
          events{loop, hypervisor},
          console_disk{loop},
          retry{loop, registry},
          jobs{loop, registry},
          looks{kMostLooks},
          seeds{1},
          network_lane{kMostNetworkWork},
          disk_limits{1},
          dumps{kMostDumps},
          volume_lane{kMostVolumeWork},
          builds{Loop::kPoolThreads / 2},
          checks{Loop::kPoolThreads / 4},
          alive{std::make_shared<Context*>(this)} {}
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    Loop& loop;
    Hypervisor& hypervisor;
    // Shared with threads that may be left behind.
    const std::shared_ptr<BlockHost> blocks;
    const std::shared_ptr<NetworkHost> network;
    const std::shared_ptr<StorageHost> storage;
    store::Store& store;
    Registry& registry;
    const config::Settings settings;
    const std::vector<config::NetworkSettings> networks;  // this host's own
    config::DomainDefinition dom0;                        // its shares of the CPUs as they are now
    CpuPools pools;
    const ManagerPaths paths;
    EventHub events;
    ImageClaims claims{store};
    NicClaims nic_claims;
    NicHooks nic_hooks{loop, network, store, settings.defaults.nic_hook};
    // A guest's driver has closed its end of that interface of Dom0, or is about to take it up.
    std::function<void(const Domain& domain, const std::string& interface)> nic_driver_moved =
        [](const Domain&, const std::string&) {};
    DiskThread console_disk;  // of all consoles' logs
    RegistryRetry retry;
    JobQueue jobs;
    PoolLane looks;
    PoolLane seeds;         // writes and removes cloud-init seeds, in the order in which that was asked for
    PoolLane network_lane;  // netlink, nftables, systemd: nothing that waits for a disk
    PoolLane disk_limits;   // keeps them: one look after the other
    PoolLane dumps;
    PoolLane volume_lane;  // what makes, erases and fills volumes: for hours, perhaps
    PoolLane builds;
    PoolLane checks;
    std::shared_ptr<Context*> alive;  // posted calls look whether all this still lives
};

}  // namespace hvctld
