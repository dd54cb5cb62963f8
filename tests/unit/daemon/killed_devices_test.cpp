// The daemon killed with -9 in each phase of what comes to a guest that runs and goes from it: what the store has, what
// the definition has and what the daemon lists are one afterwards, the guest goes on, and nothing is in the way of
// more.
#include "killed_testing.hpp"

namespace hvctld::test {
namespace {

struct DevicePoint {
    Verb verb;
    JobPhase phase;
};

std::vector<DevicePoint> device_points() {
    using enum JobPhase;
    std::vector<DevicePoint> points;
    const auto add = [&](Verb verb, const std::vector<JobPhase>& phases) {
        for (const JobPhase phase : phases) points.push_back({verb, phase});
    };
    add(Verb::AttachDisk, {PrepareDisk, ConnectDisk, WaitForDriver, RememberDisks});
    add(Verb::DetachDisk, {AskForDisk, TakeDisk});
    add(Verb::ResizeDisk, {ResizeDisk});
    add(Verb::AttachNic, {PrepareNic, ConnectNic, WaitForDriver, RememberNics});
    add(Verb::DetachNic, {AskForNic, TakeNic});
    add(Verb::ChangeNic, {JobPhase::ChangeNic, RememberNics});
    return points;
}

class DevicesKilledInPhase : public KilledProgram, public testing::WithParamInterface<DevicePoint> {
  protected:
    static constexpr const char* kMac = "00:16:3e:00:00:02";

    // A method whose arguments are all texts, but for an a{sv} without entries or a number of bytes at the end.
    template <class... Texts>
    sd_bus_message* message(const char* method, bool options, const Texts&... texts) {
        sd_bus_message* made = make(method, "", nullptr);
        (sd_bus_message_append(made, "s", texts), ...);
        if (options) sd_bus_message_append(made, "a{sv}", 0);
        return made;
    }
    sd_bus_message* request(Verb verb) {
        switch (verb) {
            case Verb::AttachDisk: return message("AttachDisk", false, "web1", disk("xvdb").c_str());
            case Verb::DetachDisk: return message("DetachDisk", true, "web1", "xvdb");
            case Verb::ResizeDisk: {
                sd_bus_message* made = message("ResizeDisk", false, "web1", "xvda");
                sd_bus_message_append(made, "t", std::uint64_t{4} << 20);
                return made;
            }
            case Verb::AttachNic: return message("AttachNic", false, "web1", nic(kMac).c_str());
            case Verb::DetachNic: return message("DetachNic", true, "web1", kMac);
            default: return message("ChangeNic", false, "web1", "00:16:3e:00:00:01", "rate: 10Mbit/s");
        }
    }
    void ask(Verb verb) {
        sd_bus_message* made = request(verb);
        EXPECT_GE(sd_bus_send(bus.get(), made, nullptr), 0);
        sd_bus_flush(bus.get());
        sd_bus_message_unref(made);
    }
    Properties done(Verb verb) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message* raw = nullptr;
        sd_bus_message* made = request(verb);
        sd_bus_call(bus.get(), made, UINT64_MAX, &error, &raw);
        EXPECT_FALSE(sd_bus_error_is_set(&error)) << to_string(verb) << ": " << error.message;
        sd_bus_error_free(&error);
        sd_bus_message_unref(made);
        sd_bus_message_unref(raw);
        wait_for_jobs();
        return list_of("ListJobs").back();
    }
    void have(Verb verb) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        Properties job = done(verb);
        // Dom0's kernel lets go of a disk that was on its way in its own time.
        while (job.at("state") != "done" && job.at("error").find("is taken") != std::string::npos) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << job.at("error");
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            job = done(verb);
        }
        EXPECT_EQ(job.at("state"), "done") << to_string(verb) << ": " << job.at("error");
    }

    std::string disk(const std::string& target) {
        const std::string path = folder / (target + ".img");
        if (access(path.c_str(), F_OK) != 0) (void)folder.file(target + ".img", std::string(1 << 20, '\0'));
        return fmt::format("{{target: {}, path: {}}}", target, path);
    }
    static std::string nic(const std::string& mac) {
        return fmt::format("{{bridge: br0, mac: \"{}\", addresses: [192.0.2.{}]}}", mac, mac.back());
    }
    std::string stored_definition() {
        const bus::Message reply = call("GetDefinition", "s", "web1");
        const char* text = nullptr;
        sd_bus_message_read(reply.get(), "s", &text);
        return text != nullptr ? text : "";
    }
    // What the daemon lists, the definition has and the store shows are one; returns whether it is there.
    bool is_there(const char* method, const char* key, const std::string& which, const char* kind) {
        const std::vector<Properties> devices = list_of(method, "web1");
        const bool listed = std::ranges::any_of(devices, [&](const Properties& one) { return one.at(key) == which; });
        EXPECT_EQ(stored_definition().find(which) != std::string::npos, listed) << which;
        EXPECT_EQ(count_in_store(fmt::format("/local/domain/0/backend/{}/1", kind)), devices.size());
        EXPECT_EQ(devices.size(), listed ? 2u : 1u);
        for (const Properties& one : devices) EXPECT_EQ(one.at("state"), "connected") << which;
        return listed;
    }
    bool disk_is_there() { return is_there("ListDisks", "target", "xvdb", "vbd"); }
    bool nic_is_there() { return is_there("ListNics", "mac", kMac, "vif"); }
    // Dom0's kernel needs a moment.
    void settle() {
        const auto all_connected = [&](const char* method) {
            return std::ranges::all_of(list_of(method, "web1"),
                                       [](const Properties& one) { return one.at("state") == "connected"; });
        };
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!all_connected("ListDisks") || !all_connected("ListNics")) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "a device is not connected again";
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
};

TEST_P(DevicesKilledInPhase, LeavesAllOrNothing) {
    const auto [verb, phase] = GetParam();
    start();
    create("web1", fmt::format("disks: [{}]\nnics: [{}]\n", disk("xvda"), nic("00:16:3e:00:00:01")));
    if (verb == Verb::DetachDisk) have(Verb::AttachDisk);
    if (verb == Verb::DetachNic) have(Verb::AttachNic);
    daemon.kill();
    start(fmt::format("{}/{}", to_string(verb), to_string(phase)));
    ask(verb);
    daemon.wait_for("held");
    daemon.kill();

    start();
    wait_for_jobs();
    settle();
    EXPECT_EQ(state_of("web1"), "running");
    have(disk_is_there() ? Verb::DetachDisk : Verb::AttachDisk);
    have(nic_is_there() ? Verb::DetachNic : Verb::AttachNic);
    have(Verb::ResizeDisk);
    have(Verb::ChangeNic);
    (void)disk_is_there();
    (void)nic_is_there();
    call("DestroyDomain", "s", "web1");
    wait_for_jobs();
    EXPECT_EQ(state_of("web1"), "stopped");
    EXPECT_EQ(count_in_store("/local/domain"), 1u);
    for (const char* kind : {"vbd", "vif"})
        EXPECT_EQ(count_in_store(fmt::format("/local/domain/0/backend/{}", kind)), 0u) << kind;
}

INSTANTIATE_TEST_SUITE_P(Phases, DevicesKilledInPhase, testing::ValuesIn(device_points()), [](const auto& each) {
    std::string name = fmt::format("{}_{}", to_string(each.param.verb), to_string(each.param.phase));
    std::ranges::replace(name, ' ', '_');
    return name;
});

}  // namespace
}  // namespace hvctld::test
