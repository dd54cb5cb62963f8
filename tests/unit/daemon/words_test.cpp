// The words of jobs and ends: they are stored and seen by clients, so none may ever change; and what is stored is read.
#include "registry/words.hpp"

#include "registry/open.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

template <class Enum>
std::string all_words(Enum last) {
    std::string words;
    for (std::uint8_t number = 0; number <= static_cast<std::uint8_t>(last); ++number)
        words += std::string{to_string(static_cast<Enum>(number))} + ",";
    return words;
}

TEST(Words, NeverChange) {
    EXPECT_EQ(all_words(kLastVerb),
              "create,start,restart,reboot,shutdown,destroy,clean up,attach disk,detach disk,resize "
              "disk,attach nic,detach nic,change nic,dump core,create volume,import volume,resize volume,delete "
              "volume,stop,pause,unpause,pin,forget,sysrq,rename,tune,");
    EXPECT_EQ(all_words(kLastPhase),
              ",check,look for its files,remember,create,claim memory,load kernel,build,configure,introduce to the "
              "store,disks,network interfaces,console,remember the guest,start,ask the guest,wait for the guest to "
              "react,wait for the guest to "
              "stop,stopped,stop,disconnect,free,keep the run under another name,back off,prepare the disk,connect the "
              "disk,wait for the guest to take it,wait for the guest to let go of it,take the disk away,remember its "
              "disks,resize the disk,prepare the "
              "network interface,connect the network "
              "interface,wait for the guest to let go of the network interface,take the network interface "
              "away,change the network interface,remember its network interfaces,make the file for its memory,collect "
              "its state,write its memory to the file,look at the image,convert the image,make the volume,copy the "
              "image,give "
              "the volume its name,look at the volume,make the volume larger,erase the volume,wait for what was "
              "under "
              "way,look at what is left,ask the guests,");
    EXPECT_EQ(all_words(kLastReason),
              ",poweroff,reboot,suspend,crash,watchdog,soft-reset,gone,destroyed,host-restart,");
}

// The numbers of phases are stored, too; what each means for the parts that ask is one column here.
TEST(Words, PhasesOfDomains) {
    constexpr DomainPhase kPhases[] = {DomainPhase::Stopped, DomainPhase::Building, DomainPhase::Running,
                                       DomainPhase::Ending};
    std::string answers;
    for (std::int64_t number = 0; number < 4; ++number) {
        EXPECT_EQ(domain_phase_of(number), kPhases[number]);
        const DomainPhase phase = kPhases[number];
        for (const bool answer : {may_begin(phase), may_be_in_hv(phase), is_being_made(phase), is_whole(phase),
                                  runs(phase), is_ending(phase)})
            answers += answer ? '1' : '0';
        answers += ' ';
    }
    EXPECT_EQ(answers, "100000 011000 010110 010001 ");
    EXPECT_FALSE(domain_phase_of(4));
    EXPECT_FALSE(domain_phase_of(256));
    EXPECT_FALSE(domain_phase_of(-1));
}

TEST(Words, AreReadAsTheyAreWritten) {
    for (std::uint8_t number = 0; number <= static_cast<std::uint8_t>(kLastVerb); ++number)
        EXPECT_EQ(verb_of(to_string(static_cast<Verb>(number))), static_cast<Verb>(number));
    for (std::uint8_t number = 0; number <= static_cast<std::uint8_t>(kLastPhase); ++number)
        EXPECT_EQ(phase_of(to_string(static_cast<JobPhase>(number))), static_cast<JobPhase>(number));
    for (std::uint8_t number = 0; number <= static_cast<std::uint8_t>(kLastReason); ++number)
        EXPECT_EQ(reason_of(to_string(static_cast<EndReason>(number))), static_cast<EndReason>(number));
    EXPECT_FALSE(verb_of("levitate"));
    EXPECT_FALSE(phase_of("wait for 2 guests: a, b"));
    EXPECT_FALSE(reason_of("boredom"));
}

// A state.db as the version before wrote it: schema 2, every verb, phases in words, one of them a job's own.
class StoredBefore : public HostTest {
  protected:
    // As normalised() gave them: `uuid` ends in two digits of its own.
    [[nodiscard]] std::string stored(const char* name, const char* uuid, const char* memory) const {
        return fmt::format(R"({{"name": "{}", "uuid": "00000000-0000-0000-0000-0000000000{}", "memory": "{}", )"
                           R"("kernel": "{}"}})",
                           name, uuid, memory, kernel);
    }
    static constexpr const char* kDomains =
        "INSERT INTO domains (name, uuid, source, definition, ephemeral, phase, wanted, domid, store_mfn, store_port,"
        " console_mfn, console_port, created_us, started_us, ended_us, end_reason, restarts, window_us, run_since_us,"
        " draft, fallback_uuid, fallback_source, fallback_definition, fallback_ephemeral, fallback_end_reason) VALUES "
        "('old1', '00000000-0000-0000-0000-0000000000a1', 'a.yaml', '{}',"
        " 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 'watchdog', 0, 0, 0, 0, '', '', '', 0, ''),"
        "('old2', '00000000-0000-0000-0000-0000000000a2', 'b.yaml', '{}',"
        " 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 'reboot', 1, 0, 0, 1, "
        "'00000000-0000-0000-0000-0000000000a3', 'c.yaml', '{}', 0, 'host-restart')";
    static constexpr const char* kJobs =
        "INSERT INTO jobs (id, verb, domain, state, phase, percent, started_us, ended_us, deadline_us, start_paused,"
        " attempts, error, message) VALUES "
        "(1, 'clean up', 'old1', 2, 'free', 100, 1, 2, 0, 0, 1, 0, ''),"
        "(2, 'stop', 'all guests', 2, 'wait for 1 guest: old1', 100, 1, 2, 0, 0, 1, 0, ''),"
        "(3, 'levitate', 'old1', 1, 'rise', 50, 1, 0, 0, 0, 1, 0, ''),"
        "(4, 'restart', 'old2', 1, 'back off', 70, 1, 0, 0, 0, 1, 0, '')";

    void write_old_file() {
        process.reset();
        hypervisor.forget_bindings();
        const auto database = Database::open(folder / "state.db");
        const std::string domains = fmt::format(kDomains, stored("old1", "a1", "128MiB"),
                                                stored("old2", "a2", "128MiB"), stored("old2", "a3", "64MiB"));
        const auto inserted = (*database)->execute(domains.c_str());
        ASSERT_TRUE(inserted) << inserted.error().text();
        const auto jobs = (*database)->execute(kJobs);
        ASSERT_TRUE(jobs) << jobs.error().text();
    }
};

TEST_F(StoredBefore, IsReadAndGoneOnWith) {
    write_old_file();
    process = std::make_unique<Process>(hypervisor, folder, settings);
    ASSERT_TRUE(process->recover());
    process->settle();
    EXPECT_EQ(view("old1").state, "crashed");
    EXPECT_EQ(view("old1").shutdown_reason, "watchdog");
    EXPECT_EQ(view("old2").state, "running");  // its restart has gone on
    const auto& jobs = process->registry->jobs();
    EXPECT_EQ(jobs.at(1).verb, Verb::CleanUp);
    EXPECT_EQ(jobs.at(1).phase_text(), "free");
    EXPECT_EQ(jobs.at(2).phase_text(), "wait for 1 guest: old1");
    EXPECT_FALSE(jobs.contains(3));  // of a verb that this version does not know: it is not gone on with
    EXPECT_EQ(jobs.at(4).state, JobState::Done);
}

// What is written is what the version before would have written.
TEST_F(StoredBefore, IsWrittenInTheSameWords) {
    process->finish(create(definition("web1")));
    process->finish(process->manager->destroy("web1"));
    process->run_until([&] { return !process->registry->being_written(); });
    const auto database = Database::open(folder / "state.db");
    const auto text = [&](const char* sql) {
        Statement query = (*database)->prepare(sql).value();
        EXPECT_TRUE(query.step().value());
        return query.text(0);
    };
    EXPECT_EQ(text("SELECT group_concat(verb || '/' || phase) FROM jobs"), "create/start,destroy/free");
    EXPECT_EQ(text("SELECT end_reason || '/' || phase FROM domains"), "destroyed/0");
    EXPECT_EQ(text("PRAGMA user_version"), "4");
}

}  // namespace
}  // namespace hvctld::test
