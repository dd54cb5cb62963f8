// A registry whose file is damaged, cut short or gone: guests go on, served as the store's journal knows them.
#include <filesystem>
#include <fstream>
#include <future>

#include "registry/open.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

class LostRegistry : public HostTest {
  protected:
    std::string path = folder / "state.db";

    void lose(const std::function<void()>& how) {
        process->finish(create(definition("web1")));
        hypervisor.print(domid("web1"), "before ");
        process->run_until([&] { return log("web1") == "before "; });
        process.reset();
        hypervisor.forget_bindings();
        for (const char* sidecar : {"-wal", "-shm"}) std::filesystem::remove(path + sidecar);
        how();
        process = std::make_unique<Process>(hypervisor, folder, settings);
        const auto recovered = process->recover();
        ASSERT_TRUE(recovered) << recovered.error().text();
    }
    void expect_served() {
        EXPECT_EQ(view("web1").state, "running");
        hypervisor.print(domid("web1"), "after");
        process->run_until([&] { return log("web1") == "before after"; });
        EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
        process->settle();
        EXPECT_EQ(guests(), 0u);
    }
    [[nodiscard]] std::size_t put_aside() const {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator{folder / ""})
            count += entry.path().filename().string().starts_with("state.db.damaged-") ? 1 : 0;
        return count;
    }
};

TEST_F(LostRegistry, Gone) {
    lose([&] { std::filesystem::remove(path); });
    expect_served();
}

TEST_F(LostRegistry, NoDatabaseAnyMore) {
    lose([&] { std::ofstream{path} << std::string(8192, 'x'); });
    EXPECT_EQ(put_aside(), 1u);
    expect_served();
    EXPECT_EQ(process->finish(create(definition("web1"))).state, JobState::Done);
}

TEST_F(LostRegistry, CutShort) {
    lose([&] { std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2 / 4096 * 4096); });
    EXPECT_EQ(put_aside(), 1u);
    expect_served();
}

TEST_F(LostRegistry, Emptied) {
    lose([&] { std::filesystem::resize_file(path, 0); });
    EXPECT_EQ(put_aside(), 0u);  // there is nothing in it
    expect_served();
}

// Which guests have been shut down in this boot is not known any more, so none is started; with the next boot all are.
TEST_F(LostRegistry, AutostartIsNotRepeatedInTheSameBoot) {
    (void)folder.file("a.yaml", definition("ended", "autostart: true\n"));
    process->manager->autostart(folder / "");
    process->settle();
    process->finish(process->manager->destroy("ended"));
    lose([&] { std::filesystem::remove(path); });
    process->manager->autostart(folder / "");
    process->settle();
    EXPECT_FALSE(process->manager->get("ended"));
    EXPECT_EQ(view("web1").state, "running");
    restart();
    process->manager->autostart(folder / "");
    process->settle();
    EXPECT_FALSE(process->manager->get("ended"));
    hypervisor.domains.erase(domid("web1"));
    restart("boot-2");
    process->manager->autostart(folder / "");
    process->settle();
    EXPECT_EQ(view("ended").state, "running");
}

// The daemon was put back to an older version: what runs is served and can be ended, and the file stays as it is.
TEST_F(LostRegistry, OfANewerVersion) {
    lose([&] {
        const auto database = Database::open(path);
        ASSERT_TRUE((*database)->execute("PRAGMA user_version=1000"));
    });
    EXPECT_NE(process->manager->registry_trouble().find("newer hvctl"), std::string::npos);
    expect_served();
    EXPECT_EQ(create(definition("web2")).error().id(), ErrorId::NoRecord);
    EXPECT_EQ(put_aside(), 0u);
    process.reset();
    hypervisor.forget_bindings();
    {
        const auto database = Database::open(path);
        ASSERT_TRUE((*database)->execute(("PRAGMA user_version=" + std::to_string(Registry::kSchemaVersion)).c_str()));
    }
    process = std::make_unique<Process>(hypervisor, folder, settings);
    ASSERT_TRUE(process->recover());
    EXPECT_EQ(view("web1").state, "stopped");
}

TEST_F(LostRegistry, GoesOnAfterAnotherRestart) {
    lose([&] { std::filesystem::remove(path); });
    restart();
    expect_served();
}

TEST(OpenRegistry, SaysThatTheFileWasEmpty) {
    const TemporaryFolder folder;
    EXPECT_EQ(open_registry(folder / "state.db").warning, "");
    EXPECT_EQ(open_registry(folder / "state.db").warning, "");
    for (const char* file : {"state.db", "state.db-wal"}) {
        if (std::filesystem::exists(folder / file)) std::filesystem::resize_file(folder / file, 0);
    }
    EXPECT_NE(open_registry(folder / "state.db").warning.find("was empty"), std::string::npos);
}

TEST(OpenRegistry, DoesWithoutAFileThatCannotBeOpened) {
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder / "state.db");
    const auto opened = open_registry(folder / "state.db");
    EXPECT_FALSE(opened.warning.empty());
    JobRecord job;
    EXPECT_FALSE(opened.registry->add(job));
    EXPECT_EQ(opened.registry->jobs().size(), 1u);
    EXPECT_TRUE(opened.registry->trouble());
}

// Guests that run are served without the file: a wait for it would never end.
TEST(OpenRegistry, DoesWithoutAFileWhoseDiskDoesNotAnswer) {
    const TemporaryFolder folder;
    const auto go_on = std::make_shared<std::promise<void>>();
    const auto over = std::make_shared<std::promise<void>>();
    const auto opened = open_registry(folder / "state.db", std::chrono::milliseconds{1},
                                      [go_on, over](const std::string&) -> Result<std::unique_ptr<Registry>> {
                                          go_on->get_future().wait();
                                          over->set_value();
                                          return fail(ErrorId::Io, "too late");
                                      });
    EXPECT_NE(opened.warning.find("its disk does not answer"), std::string::npos) << opened.warning;
    EXPECT_TRUE(opened.registry->trouble());
    EXPECT_TRUE(opened.registry->domains_at_opening().empty());
    go_on->set_value();
    over->get_future().wait();
}

// Too late to tell a user that it was put aside.
TEST(OpenRegistry, LeavesADamagedFileWhereItIsWhenItsDiskAnswersTooLate) {
    const TemporaryFolder folder;
    const std::string path = folder.file("state.db", "not a database");
    const auto go_on = std::make_shared<std::promise<void>>();
    const auto over = std::make_shared<std::promise<void>>();
    {
        // Goes with the last copy of the opener, which is that of the thread.
        const std::shared_ptr<void> thread(nullptr, [over](void*) { over->set_value(); });
        const auto opened = open_registry(path, std::chrono::milliseconds{1},
                                          [go_on, thread](const std::string&) -> Result<std::unique_ptr<Registry>> {
                                              go_on->get_future().wait();
                                              return fail(ErrorId::Damaged, "not a database");
                                          });
        EXPECT_TRUE(opened.registry->stands_in());
    }
    go_on->set_value();
    over->get_future().wait();
    EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace hvctld::test
