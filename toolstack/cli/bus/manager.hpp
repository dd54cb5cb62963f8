// org.hvctl1.Manager, a function per method (schemas/org.hvctl1.xml says what they mean).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/connection.hpp"
#include "bus/properties.hpp"
#include "failure.hpp"

namespace hvctl::cli {

using JobId = std::uint64_t;

struct Definition {
    std::string text;
    std::string source;
    std::vector<std::string> overrides;
};

struct Validated {
    std::string normalised;  // JSON
    std::vector<std::string> warnings;
};

struct Remembered {
    std::string definition;  // JSON
    std::vector<Properties> revisions;
};

struct CoreDump {
    JobId job = 0;
    std::string file;
};

struct LogPiece {
    std::string text;
    std::uint64_t next = 0;
};

// How the filter of a network interface has done; see CheckNic in the bus's contract.
struct NicCheck {
    std::string interface;
    bool in_force = false;
    std::vector<Properties> trials;
};

struct Volumes {
    std::vector<Properties> pools;
    std::vector<Properties> volumes;
};

// What domains use of the host at a moment: counters.
struct Usage {
    Properties host;
    std::vector<Properties> domains;
};

class Manager {
  public:
    explicit Manager(Connection connection) : connection_(std::move(connection)) {}

    const Connection& connection() const { return connection_; }

    Result<JobId> create_domain(const Definition& definition, const Properties& options);
    Result<Validated> validate_domain(const Definition& definition, const Properties& options);
    Result<std::vector<Properties>> list_domains();
    Result<Properties> get_domain(const std::string& domain);
    Result<JobId> start_domain(const std::string& domain, const Properties& options);
    Result<Remembered> get_definition(const std::string& domain);
    Result<void> forget_domain(const std::string& domain);
    Result<void> pause_domain(const std::string& domain);
    Result<void> unpause_domain(const std::string& domain);
    Result<JobId> shutdown_domain(const std::string& domain, const Properties& options);
    Result<JobId> reboot_domain(const std::string& domain, const Properties& options);
    Result<JobId> destroy_domain(const std::string& domain);
    Result<CoreDump> dump_core(const std::string& domain, const std::string& path, const Properties& options);
    Result<void> send_sysrq(const std::string& domain, const std::string& letter);
    Result<void> rename_domain(const std::string& domain, const std::string& name);

    Result<JobId> stop_all_domains(const Properties& options);

    // The descriptors are the caller's to close.
    Result<int> open_console(const std::string& domain, const std::string& mode, std::uint64_t history);
    Result<int> open_console_log(const std::string& domain);

    Result<std::vector<Properties>> list_vcpus(const std::string& domain);
    Result<void> pin_vcpu(const std::string& domain, std::int32_t vcpu, const std::string& hard,
                          const std::string& soft);

    Result<void> set_vcpus(const std::string& domain, std::uint32_t count);
    Result<void> set_memory(const std::string& domain, std::uint64_t bytes);
    // Whether a guest that runs has it now, or will when it starts again.
    Result<bool> set_max_memory(const std::string& domain, std::uint64_t bytes);
    Result<void> set_shares(const std::string& domain, const std::string& change);
    Result<void> set_disk_limits(const std::string& domain, const std::string& change);

    Result<Usage> get_usage();
    // `hours`: that many to an entry; 0: all.
    Result<std::vector<Properties>> get_guarantees(const std::string& domain, std::uint64_t since_us,
                                                   std::uint32_t hours);

    Result<std::vector<Properties>> list_pools();
    Result<void> create_pool(const std::string& pool, const std::string& cpus);
    Result<void> destroy_pool(const std::string& pool);
    Result<void> rename_pool(const std::string& pool, const std::string& name);
    Result<void> add_pool_cpus(const std::string& pool, const std::string& cpus);
    Result<void> remove_pool_cpus(const std::string& pool, const std::string& cpus);
    Result<void> set_pool(const std::string& domain, const std::string& pool);

    // Of one pool, or of all: "".
    Result<Volumes> list_volumes(const std::string& pool);
    Result<JobId> create_volume(const std::string& volume, std::uint64_t bytes);
    Result<JobId> resize_volume(const std::string& volume, std::uint64_t bytes);
    Result<JobId> delete_volume(const std::string& volume);
    Result<JobId> import_volume(const std::string& volume, const std::string& file, const std::string& format);

    Result<JobId> attach_disk(const std::string& domain, const std::string& disk);
    Result<JobId> detach_disk(const std::string& domain, const std::string& target, const Properties& options);
    Result<JobId> resize_disk(const std::string& domain, const std::string& target, std::uint64_t bytes);
    Result<std::vector<Properties>> list_disks(const std::string& domain);
    Result<JobId> attach_nic(const std::string& domain, const std::string& nic);
    Result<JobId> detach_nic(const std::string& domain, const std::string& nic, const Properties& options);
    Result<NicCheck> check_nic(const std::string& domain, const std::string& nic);
    Result<JobId> change_nic(const std::string& domain, const std::string& nic, const std::string& change);
    Result<std::vector<Properties>> list_nics(const std::string& domain);

    Result<Properties> get_host_info();
    Result<LogPiece> read_hv_log(std::uint64_t position, bool clear);
    Result<void> send_debug_keys(const std::string& keys);
    Result<Properties> get_perf_counters();

    Result<std::vector<Properties>> list_jobs();
    Result<void> cancel_job(JobId job);

  private:
    Result<JobId> detach_device(const char* method, const std::string& domain, const std::string& device,
                                const Properties& options);
    Connection connection_;

    template <class... Arguments>
    Result<Message> call(const char* member, const char* types, Arguments... arguments);
    Result<JobId> call_for_job(const char* member, const std::string& domain, const Properties& options);
    Result<Message> call_with_definition(const char* member, const Definition& definition, const Properties& options,
                                         std::uint64_t timeout = 0);
};

}  // namespace hvctl::cli
