#include "testing.hpp"

#include "registry/open.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

namespace hvctld::test {

TemporaryFolder::TemporaryFolder() {
    path_ = (std::filesystem::temp_directory_path() / "hvctld-test-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TemporaryFolder::~TemporaryFolder() {
    // Threads of processes that a test has "killed" may still put files there.
    constexpr int kTries = 100;
    std::error_code problem;
    for (int tries = 0; tries < kTries && std::filesystem::exists(path_); ++tries)
        std::filesystem::remove_all(path_, problem);
}

std::string TemporaryFolder::file(const std::string& name, const std::string& content) const {
    const std::string path = *this / name;
    std::ofstream{path, std::ios::binary} << content;
    return path;
}

Process::Process(FakeHypervisor& hypervisor, const TemporaryFolder& folder, config::Settings settings,
                 const std::string& boot)
    : loop{std::make_unique<Loop>()} {
    store::StoreOptions options;
    options.journal_directory = folder / ("store-" + boot);
    options.wake = [this] {
        loop->post([this] {
            while (store && store->run_pending()) {
            }
        });
    };
    store = std::move(store::Store::create(std::move(options)).value());
    const auto later = [this](std::function<void()> look) { loop->post(std::move(look)); };
    hypervisor.blocks->watch(*store, later);
    hypervisor.network->watch(*store, later);
    registry = std::move(open_registry(folder / "state.db").registry);
    // What a test says nothing of is in its folder, too, and never the host's own.
    for (config::VolumePoolSettings& pool : settings.defaults.volumes) {
        if (pool.path == config::kVolumesFolder) pool.path = folder / "volumes";
    }
    const ConsolePaths console{folder / "console", folder / ("journal-" + boot)};
    manager = std::make_unique<Manager>(*loop, hypervisor, hypervisor.blocks, hypervisor.network, hypervisor.storage,
                                        *store, *registry, std::move(settings),
                                        ManagerPaths{console, boot, "a machine", folder / "seeds", folder / "dumps",
                                                     folder / "scratch", folder / "ledger.db", folder / "autostarted"});
}

Process::~Process() {
    manager.reset();
    store.reset();
    if (loop) loop->run_once(false);
}

void Process::run_until(const std::function<bool()>& ready) {
    constexpr int kPatienceMs = 60'000;  // generous: a loaded machine, never a measure
    bool out_of_patience = false;
    Timer patience{*loop};
    patience.start(kPatienceMs, [&] { out_of_patience = true; });
    // What is waited for may happen in a worker thread, which wakes no loop: look again by and by.
    constexpr int kLookAgainMs = 5;
    Timer look_again{*loop};
    look_again.start(
        kLookAgainMs, [] {}, kLookAgainMs);
    while (!ready() && !out_of_patience) loop->run_once();
    ASSERT_FALSE(out_of_patience) << "nothing happened";
}

void Process::settle() {
    run_until([this] { return manager->jobs().idle(); });
    for (int i = 0; i < 5; ++i) loop->run_once(false);
    run_until([this] { return manager->jobs().idle(); });
}

JobRecord Process::finish(Result<JobId> job) {
    if (!job) {
        ADD_FAILURE() << job.error().text();
        return {};
    }
    JobRecord record;
    bool ended = false;
    const auto waiting = manager->jobs().wait(*job, [&](const JobRecord& over) {
        record = over;
        ended = true;
    });
    EXPECT_TRUE(waiting.has_value());
    run_until([&] { return ended; });
    return record;
}

HostTest::HostTest() : kernel{folder.file("vmlinuz", "KERNEL")} {
    process = std::make_unique<Process>(hypervisor, folder, settings);
    const auto recovered = process->recover();
    EXPECT_TRUE(recovered) << recovered.error().text();
}

HostTest::~HostTest() {
    if (process) process->settle();
}

std::string HostTest::definition(const std::string& name, const std::string& more) const {
    return fmt::format("name: {}\nmemory: 128MiB\nkernel: {}\n{}", name, kernel, more);
}

void HostTest::restart(const std::string& boot) {
    if (process) process->run_until([this] { return !process->registry->being_written(); });
    process.reset();
    hypervisor.forget_bindings();
    process = std::make_unique<Process>(hypervisor, folder, settings, boot);
    const auto recovered = process->recover();
    ASSERT_TRUE(recovered) << recovered.error().text();
}

void HostTest::abandon() {
    // Reachable for ever, so that no destructor does what a killed process cannot do.
    static auto& dead = *new std::vector<std::unique_ptr<Process>>;
    hypervisor.fail_at = nullptr;
    hypervisor.forget_bindings();
    dead.push_back(std::move(process));
    process = std::make_unique<Process>(hypervisor, folder, settings);
    const auto recovered = process->recover();
    ASSERT_TRUE(recovered) << recovered.error().text();
}

DomainView HostTest::view(const std::string& name) {
    auto found = process->manager->get(name);
    EXPECT_TRUE(found) << found.error().text();
    return found.value_or(DomainView{});
}

std::string HostTest::log(const std::string& name) const {
    std::ifstream file{folder / ("console/" + name + ".log"), std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

bool HostTest::console_log(const std::string& name) {
    std::optional<bool> given;
    process->manager->open_console_log(name, [&](const Result<UniqueFd>& log) { given = log.has_value(); });
    process->run_until([&] { return given.has_value(); });
    return given.value_or(false);
}

}  // namespace hvctld::test
