// What the daemon's tests share: a temporary folder and a whole host over the fake hypervisor.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "domain/manager.hpp"
#include "fake_hypervisor.hpp"

namespace hvctld::test {

class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    // Writes a file and returns its path.
    [[nodiscard]] std::string file(const std::string& name, const std::string& content) const;

  private:
    std::string path_;
};

// Thrown out of a hook to end the daemon at that very call, as kill -9 would.
struct Killed {};

// One process of the daemon over a host that outlives it.
class Process {
  public:
    Process(FakeHypervisor& hypervisor, const TemporaryFolder& folder, config::Settings settings = {},
            const std::string& boot = "boot-1");
    ~Process();

    Result<void> recover() { return manager->recover(); }
    // Runs the loop until `ready`; fails the test when nothing more happens for long.
    void run_until(const std::function<bool()>& ready);
    // Runs until no job is left.
    void settle();
    // Runs a job to its end.
    JobRecord finish(Result<JobId> job);

    std::unique_ptr<Loop> loop;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<Registry> registry;
    std::unique_ptr<Manager> manager;
};

class HostTest : public testing::Test {
  protected:
    HostTest();
    ~HostTest() override;

    // A definition with a good kernel.
    [[nodiscard]] std::string definition(const std::string& name, const std::string& more = {}) const;
    // The daemon ends in good order and another one starts.
    void restart(const std::string& boot = "boot-1");
    // The daemon was killed: its process is left as it is, and another one starts.
    void abandon();

    DomainView view(const std::string& name);
    std::uint16_t domid(const std::string& name) { return view(name).domid.value_or(0); }
    [[nodiscard]] std::string log(const std::string& name) const;
    // Whether a client is given the console's log.
    bool console_log(const std::string& name);
    Result<JobId> create(const std::string& text, const CreateOptions& options = {}) {
        return process->manager->create(text, "test.yaml", {}, options);
    }
    // Domains in hv besides Dom0.
    [[nodiscard]] std::size_t guests() const { return hypervisor.domains.size() - 1; }

    TemporaryFolder folder;
    std::string kernel;
    FakeHypervisor hypervisor;
    config::Settings settings;
    std::unique_ptr<Process> process;
};

}  // namespace hvctld::test
