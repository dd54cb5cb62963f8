// Other names for domains, and SysRq letters.
#include <fmt/format.h>

#include <filesystem>

#include "domain/store_entries.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

class Renames : public HostTest {
  protected:
    Result<void> rename(const std::string& before, const std::string& now) {
        auto renamed = process->manager->rename(before, now);
        process->settle();
        return renamed;
    }
    [[nodiscard]] std::string read(const std::string& path) const {
        return process->store->read(path).value_or("(none)");
    }
    bool known(const std::string& name) { return process->manager->get(name).has_value(); }
};

TEST_F(Renames, AGuestThatRunsGoesOnUnderTheNewName) {
    const std::string image = folder.file("a.img", std::string(1 << 20, '\0'));
    const JobRecord made = process->finish(
        create(definition("web1", fmt::format("nics: [{{}}]\ndisks: [{{target: xvda, path: {}}}]\n", image))));
    ASSERT_EQ(made.state, JobState::Done) << made.message;
    const DomainView before = view("web1");
    const auto mac = process->manager->nics("web1").value().front().nic.mac;
    hypervisor.print(*before.domid, "before ");
    process->run_until([&] { return log("web1") == "before "; });
    std::string forgotten;
    process->manager->on_domain_forgotten = [&](const std::string& name, const std::string&) { forgotten = name; };

    ASSERT_TRUE(rename("web1", "web2"));
    EXPECT_EQ(forgotten, "web1");
    EXPECT_FALSE(known("web1"));
    const DomainView after = view("web2");
    EXPECT_EQ(after.domid, before.domid);
    EXPECT_EQ(after.uuid, before.uuid);
    EXPECT_EQ(read(domain_path(*after.domid) + "/name"), "web2");
    EXPECT_EQ(read("/vm/" + after.uuid + "/name"), "web2");
    EXPECT_EQ(read(fmt::format("/local/domain/0/backend/vif/{}/0/domain", *after.domid)), "web2");
    EXPECT_NE(process->manager->definition("web2").value().definition.find("\"name\": \"web2\""), std::string::npos);
    hypervisor.print(*after.domid, "after");
    process->run_until([&] { return log("web2") == "before after"; });
    EXPECT_FALSE(std::filesystem::exists(folder / "console/web1.log"));

    // What it has is its own, and goes with it.
    const JobRecord second =
        process->finish(create(definition("web1", fmt::format("disks: [{{target: xvda, path: {}}}]\n", image))));
    EXPECT_EQ(second.error, static_cast<std::uint16_t>(ErrorId::ImageBusy));
    EXPECT_NE(second.message.find("web2"), std::string::npos) << second.message;
    process->finish(process->manager->reboot("web2", 1));
    EXPECT_EQ(process->finish(process->manager->destroy("web2")).state, JobState::Done);
    EXPECT_EQ(process->finish(process->manager->start("web2", false)).state, JobState::Done);
    EXPECT_EQ(process->manager->nics("web2").value().front().nic.mac, mac);
    EXPECT_EQ(process->finish(process->manager->destroy("web2")).state, JobState::Done);
    EXPECT_TRUE(process->manager->forget("web2"));
}

TEST_F(Renames, ADomainThatHasEndedToo) {
    process->finish(create(definition("web1", "autostart: true\n")));
    process->finish(process->manager->destroy("web1"));
    ASSERT_TRUE(rename("web1", "web2"));
    restart();
    EXPECT_FALSE(known("web1"));
    EXPECT_EQ(view("web2").state, "stopped");
    EXPECT_TRUE(view("web2").autostart);
    // A disk that takes its time has none yet.
    process->run_until([&] { return !process->manager->definition("web2").value().revisions.empty(); });
    EXPECT_EQ(process->manager->definition("web2").value().revisions.size(), 1u);
    EXPECT_EQ(process->finish(process->manager->start("web2", false)).state, JobState::Done);
}

TEST_F(Renames, BadAndTakenNamesAreRefused) {
    process->finish(create(definition("web1")));
    process->finish(create(definition("web2")));
    EXPECT_EQ(rename("web1", "web2").error().id(), ErrorId::NameTaken);
    EXPECT_EQ(rename("web1", "web1").error().id(), ErrorId::NameTaken);
    for (const char* name : {"", "12", "a/b", "Domain-0", "-x"})
        EXPECT_EQ(rename("web1", name).error().id(), ErrorId::InvalidArgument) << name;
    EXPECT_EQ(rename("Domain-0", "x").error().id(), ErrorId::IsDom0);
    EXPECT_EQ(rename("web3", "x").error().id(), ErrorId::NoSuchDomain);
    const auto job = process->manager->shutdown("web1", 300);
    EXPECT_EQ(process->manager->rename("web1", "web3").error().id(), ErrorId::Busy);
    ASSERT_TRUE(process->manager->jobs().cancel(*job));
}

// Killed with the new name in the file, and nothing else done yet.
TEST_F(Renames, WhatAKilledProcessLeftIsFinished) {
    process->finish(create(definition("web1")));
    const DomainView before = view("web1");
    hypervisor.print(*before.domid, "before ");
    process->run_until([&] { return log("web1") == "before "; });
    ASSERT_TRUE(process->registry->set_fact("renaming", "web1/web2"));
    DomainRecord record = process->registry->domains().value().front();
    record.name = "web2";
    ASSERT_TRUE(process->registry->rename("web1", record));
    abandon();
    EXPECT_FALSE(known("web1"));
    EXPECT_EQ(view("web2").domid, before.domid);
    EXPECT_EQ(read(domain_path(*before.domid) + "/name"), "web2");
    hypervisor.print(*before.domid, "after");
    process->run_until([&] { return log("web2") == "before after"; });
    EXPECT_TRUE(rename("web2", "web3"));
}

// Killed before the file had it.
TEST_F(Renames, OrTheOldNameStays) {
    process->finish(create(definition("web1")));
    ASSERT_TRUE(process->registry->set_fact("renaming", "web1/web2"));
    abandon();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_TRUE(rename("web1", "web2"));
    EXPECT_EQ(view("web2").state, "running");
}

TEST_F(Renames, ARegistryThatTakesNothingIsNoPlaceForANewName) {
    process->finish(create(definition("web1")));
    process->registry->before_write = [] { return Result<void>{fail(ErrorId::Io, "disk full")}; };
    (void)process->registry->set_fact("any", "thing");
    EXPECT_EQ(process->manager->rename("web1", "web2").error().id(), ErrorId::NoRecord);
    EXPECT_TRUE(known("web1"));
    process->registry->before_write = nullptr;
    (void)process->registry->flush();
}

class Sysrq : public HostTest {
  protected:
    [[nodiscard]] std::string node() { return domain_path(domid("web1")) + "/control/sysrq"; }
};

TEST_F(Sysrq, IsTheGuestsToTake) {
    process->finish(create(definition("web1")));
    ASSERT_TRUE(process->manager->send_sysrq("web1", "h"));
    EXPECT_EQ(process->store->read(node()).value(), "h");
    EXPECT_EQ(process->store->permissions(node())->front().domain, store::DomainId{domid("web1")});
    EXPECT_EQ(process->manager->send_sysrq("web1", "s").error().id(), ErrorId::Busy);
    ASSERT_TRUE(process->store->write(node(), std::string(1, '\0')));  // as Linux takes it
    EXPECT_TRUE(process->manager->send_sysrq("web1", "9"));
}

TEST_F(Sysrq, OnlyForAGuestThatCanHear) {
    process->finish(create(definition("web1")));
    for (const char* letter : {"", "ab", "/", "\n"})
        EXPECT_EQ(process->manager->send_sysrq("web1", letter).error().id(), ErrorId::InvalidArgument) << letter;
    EXPECT_EQ(process->manager->send_sysrq("Domain-0", "h").error().id(), ErrorId::IsDom0);
    ASSERT_TRUE(process->manager->pause("web1"));
    EXPECT_EQ(process->manager->send_sysrq("web1", "h").error().id(), ErrorId::WrongState);
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(process->manager->send_sysrq("web1", "h").error().id(), ErrorId::WrongState);
}

}  // namespace
}  // namespace hvctld::test
