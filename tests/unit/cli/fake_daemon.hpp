// A hvctld without a hypervisor, as far as a client can tell: the whole of org.hvctl1.Manager on a private socket, with
// answers that the test sets.
#pragma once

#include <systemd/sd-bus.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bus/manager.hpp"
#include "bus/properties.hpp"

namespace hvctl::cli::test {

struct BusError {
    std::string name;  // after "org.hvctl1.Error.", or a whole name of another service's
    std::string message;
};

class FakeDaemon {
  public:
    FakeDaemon();
    ~FakeDaemon();
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;

    // Ends all connections and the socket, as kill -9 would; start() brings it back.
    void stop();
    void start();

    std::string address() const { return (directory_ / "bus").string(); }
    const std::filesystem::path& directory() const { return directory_; }

    // Answers. Set them before the client runs, or hold `mutex`.
    std::mutex mutex;
    std::vector<Properties> domains, jobs;
    std::map<std::string, std::vector<Properties>> vcpus;
    std::map<std::string, std::vector<Properties>> disks, nics;
    std::vector<Properties> trials;  // of every network interface
    bool nic_in_force = true;
    Properties host, counters;
    std::deque<Usage> usages{Usage{}};   // GetUsage takes one after the other; the last one stays
    std::vector<Properties> guarantees;  // whatever is asked for
    std::vector<Properties> pools;
    std::vector<Properties> volume_pools, volumes;
    std::string hv_log, console_log;
    std::map<std::string, BusError> errors;         // by method
    std::map<std::string, std::string> normalised;  // ValidateDomain's answer by text; "{}" otherwise
    std::vector<std::string> warnings;
    std::vector<Properties> progress;   // JobChanged signals that WaitJob sends first
    std::optional<BusError> job_error;  // WaitJob's end, otherwise done
    bool job_hangs = false;             // until CancelJob
    bool job_hangs_silently = false;    // whatever the client asks
    std::string job_domain = "hello";

    // What was called, as "Method(argument, ...)".
    std::vector<std::string> calls();
    // Waits until something was called that starts with `prefix`.
    bool wait_for_call(const std::string& prefix);
    // Our end of the console that was opened last; waits for one. The test closes it.
    int take_console();

    // "Method(in)out" for every method, as the vtable has it.
    static std::vector<std::string> methods();

  private:
    std::filesystem::path directory_;
    std::condition_variable changed_;
    std::vector<std::string> calls_;
    std::vector<int> consoles_;
    std::vector<sd_bus_message*> waiting_;
    int listener_ = -1, wake_ = -1;
    std::thread thread_;

    void serve();
    static int on_call(sd_bus_message* message, void* self, sd_bus_error* error);
    int answer(sd_bus_message* message, const std::string& member, sd_bus_error* error);
    int answer_about_domain(sd_bus_message* message, const std::string& member, sd_bus_error* error);
    int answer_about_host(sd_bus_message* message, const std::string& member);
    int answer_console(sd_bus_message* message, const std::string& member);
    int answer_wait(sd_bus_message* message, sd_bus_error* error);
    int fail_call(sd_bus_error* error, const BusError& what);
    const Properties* find_domain(const std::string& key) const;
    static const sd_bus_vtable* vtable();
};

}  // namespace hvctl::cli::test
