// The bus as a client sees it: sd-bus in a thread of its own against the private socket.
#include <sys/socket.h>

#include <fstream>
#include <regex>
#include <set>

#include "bus_testing.hpp"

namespace hvctld::test {
namespace {

// The files are read in the thread pool: the answer comes later, and calls after it need not wait for it.
TEST_F(BusTest, ValidatesAgainstTheHost) {
    with_client([&](sd_bus* bus) {
        const auto validate = [&](const std::string& text) {
            return call(bus, "ValidateDomain", "ssasa{sv}", text.c_str(), "web1.yaml", 0, 1, "host", "b", 1);
        };
        EXPECT_TRUE(validate(definition("web1")).message);
        const std::string bad = "name: web1\nmemory: 128MiB\nkernel: " + folder.file("text", "no kernel") + "\n";
        EXPECT_EQ(validate(bad).error_name, "org.hvctl1.Error.NotAKernel");
        EXPECT_EQ(validate("name: [").error_name, "org.hvctl1.Error.DefinitionInvalid");
    });
}

TEST_F(BusTest, CreatesWaitsAndDestroys) {
    with_client([&](sd_bus* bus) {
        const Reply created = call(bus, "CreateDomain", "ssasa{sv}", definition("web1").c_str(), "web1.yaml", 1,
                                   "vcpus=2", 1, "paused", "b", 1);
        ASSERT_TRUE(created.message) << created.error_text;
        const Reply waited = call(bus, "WaitJob", "t", job_of(created));
        ASSERT_TRUE(waited.message) << waited.error_text;
        const Reply again = call(bus, "WaitJob", "t", std::uint64_t{1});
        EXPECT_TRUE(again.message) << again.error_text;
        EXPECT_TRUE(call(bus, "UnpauseDomain", "s", "web1").message);
        EXPECT_TRUE(call(bus, "ListDomains", "").message);
        EXPECT_TRUE(call(bus, "GetDomain", "s", "1").message);
        EXPECT_TRUE(call(bus, "ListVcpus", "s", "web1").message);
        EXPECT_TRUE(call(bus, "PinVcpu", "siss", "web1", -1, "0-1", "").message);
        const Reply destroyed = call(bus, "DestroyDomain", "s", "web1");
        EXPECT_TRUE(call(bus, "WaitJob", "t", job_of(destroyed)).message);
        EXPECT_TRUE(call(bus, "ListJobs", "").message);
        EXPECT_TRUE(call(bus, "ForgetDomain", "s", "web1").message);
    });
    EXPECT_EQ(guests(), 0u);
}

TEST_F(BusTest, ErrorsHaveStableNamesAndCodes) {
    with_client([&](sd_bus* bus) {
        const auto error = [](const Reply& reply) { return reply.error_name + " " + reply.error_text.substr(0, 8); };
        EXPECT_EQ(error(call(bus, "GetDomain", "s", "none")), "org.hvctl1.Error.NoSuchDomain HV-E0201");
        EXPECT_EQ(error(call(bus, "DestroyDomain", "s", "Domain-0")), "org.hvctl1.Error.IsDom0 HV-E0206");
        EXPECT_EQ(error(call(bus, "WaitJob", "t", std::uint64_t{42})), "org.hvctl1.Error.NoSuchJob HV-E0601");
        EXPECT_EQ(error(call(bus, "CreateDomain", "ssasa{sv}", "x: 1", "f", 0, 0)),
                  "org.hvctl1.Error.DefinitionInvalid HV-E0101");
        EXPECT_EQ(error(call(bus, "CreateDomain", "ssasa{sv}", "", "f", 0, 1, "pausd", "b", 1)),
                  "org.hvctl1.Error.InvalidArgument HV-E0002");
        EXPECT_EQ(error(call(bus, "SendDebugKeys", "s", "")), "org.hvctl1.Error.InvalidArgument HV-E0002");
        EXPECT_EQ(error(call(bus, "OpenConsole", "sst", "none", "scribble", std::uint64_t{0})),
                  "org.hvctl1.Error.InvalidArgument HV-E0002");
    });
}

TEST_F(BusTest, FailedJobIsTheWaitersError) {
    with_client([&](sd_bus* bus) {
        const Reply created =
            call(bus, "CreateDomain", "ssasa{sv}", definition("web1").c_str(), "f", 1, "memory=1TiB", 0);
        const Reply waited = call(bus, "WaitJob", "t", job_of(created));
        EXPECT_EQ(waited.error_name, "org.hvctl1.Error.NoMemory");
        EXPECT_NE(waited.error_text.find("wants 1TiB"), std::string::npos) << waited.error_text;
    });
}

TEST_F(BusTest, HostFacts) {
    with_client([&](sd_bus* bus) {
        EXPECT_TRUE(call(bus, "GetHostInfo", "").message);
        EXPECT_TRUE(call(bus, "GetPerfCounters", "").message);
        EXPECT_TRUE(call(bus, "SendDebugKeys", "s", "dm").message);
        const Reply log = call(bus, "ReadHvLog", "tb", std::uint64_t{4}, 0);
        const char* text = nullptr;
        std::uint64_t next = 0;
        ASSERT_GE(sd_bus_message_read(log.message.get(), "st", &text, &next), 0) << log.error_text;
        EXPECT_STREQ(text, "booted\n");
        EXPECT_EQ(next, 11u);
    });
    EXPECT_EQ(hypervisor.keys, "dm");
}

TEST_F(BusTest, ConsoleTravelsAsADescriptor) {
    process->finish(create(definition("web1")));
    hypervisor.print(domid("web1"), "login: ");
    process->run_until([&] { return log("web1") == "login: "; });
    with_client([&](sd_bus* bus) {
        const Reply opened = call(bus, "OpenConsole", "sst", "web1", "write", std::uint64_t{1000});
        int fd = -1;
        ASSERT_GE(sd_bus_message_read(opened.message.get(), "h", &fd), 0) << opened.error_text;
        char buffer[16] = {};
        EXPECT_EQ(recv(fd, buffer, sizeof buffer, 0), 7);
        EXPECT_STREQ(buffer, "login: ");
        EXPECT_EQ(send(fd, "root\n", 5, 0), 5);
        EXPECT_EQ(call(bus, "OpenConsole", "sst", "web1", "write", std::uint64_t{0}).error_name,
                  "org.hvctl1.Error.Busy");
        EXPECT_TRUE(call(bus, "OpenConsoleLog", "s", "web1").message);
    });
    process->run_until([&] { return hypervisor.domains.at(1).typed == "root\n"; });
}

TEST_F(BusTest, SignalsTellOfJobsAndDomains) {
    std::set<std::string> heard;
    with_client([&](sd_bus* bus) {
        sd_bus_add_filter(
            bus, nullptr,
            [](sd_bus_message* message, void* set, sd_bus_error*) {
                if (sd_bus_message_is_signal(message, bus::kInterface, nullptr) > 0)
                    static_cast<std::set<std::string>*>(set)->insert(sd_bus_message_get_member(message));
                return 0;
            },
            &heard);
        const Reply created = call(bus, "CreateDomain", "ssasa{sv}", definition("web1").c_str(), "f", 0, 0);
        call(bus, "WaitJob", "t", job_of(created));
        while (sd_bus_process(bus, nullptr) > 0) {
        }
    });
    EXPECT_EQ(heard, (std::set<std::string>{"DomainChanged", "JobChanged"}));
}

TEST_F(BusTest, ClientThatLeavesInTheMiddleHarmsNobody) {
    hypervisor.fail_at = nullptr;
    with_client([&](sd_bus* bus) {
        const Reply created = call(bus, "CreateDomain", "ssasa{sv}", definition("web1").c_str(), "f", 0, 0);
        const std::uint64_t job = job_of(created);
        sd_bus_call_method_async(bus, nullptr, "org.hvctl1", bus::kObjectPath, bus::kInterface, "WaitJob", nullptr,
                                 nullptr, "t", job);
        sd_bus_flush(bus);
    });
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
}

TEST_F(BusTest, OrdinaryClientsFindABus) {
    with_client([&](sd_bus* bus) {
        sd_bus_message* reply = nullptr;
        EXPECT_GE(sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "Hello", nullptr, &reply, ""),
                  0);
        sd_bus_message_unref(reply);
    });
}

// Every method, signal and signature of the published interface is served, with its argument names, and no other.
TEST_F(BusTest, ServesThePublishedInterface) {
    std::string served;
    with_client([&](sd_bus* bus) {
        sd_bus_message* raw = nullptr;
        ASSERT_GE(sd_bus_call_method(bus, "org.hvctl1", bus::kObjectPath, "org.freedesktop.DBus.Introspectable",
                                     "Introspect", nullptr, &raw, ""),
                  0);
        const bus::Message reply{raw};
        const char* text = nullptr;
        sd_bus_message_read(raw, "s", &text);
        served = text;
    });
    std::ifstream file{HV_BUS_SCHEMA};
    const std::string published{std::istreambuf_iterator<char>{file}, {}};
    const auto shape = [](std::string xml) {
        xml = std::regex_replace(xml, std::regex{"<!--[^]*?-->"}, "");
        const std::size_t begin = xml.find("<interface name=\"org.hvctl1.Manager\">");
        xml = xml.substr(begin, xml.find("</interface>", begin) - begin);
        std::set<std::string> lines;
        std::string owner;
        const std::regex tag{"<(method|signal|property|arg)\\s([^>]*?)/?>"};
        const auto attribute = [](const std::string& attributes, const std::string& name) {
            std::smatch match;
            return std::regex_search(attributes, match, std::regex{"\\b" + name + "=\"([^\"]*)\""}) ? match[1].str()
                                                                                                    : "";
        };
        for (std::sregex_iterator it{xml.begin(), xml.end(), tag}, end; it != end; ++it) {
            const std::string attributes = (*it)[2];
            std::string line = attribute(attributes, "name") + " " + attribute(attributes, "type");
            if ((*it)[1] != "arg") {
                owner = attribute(attributes, "name");
                lines.insert((*it)[1].str() + " " + line);
            } else {
                const std::string direction = attribute(attributes, "direction");
                lines.insert(owner + ": " + (direction == "in" ? "in " : "out ") + line);
            }
        }
        return lines;
    };
    EXPECT_EQ(shape(served), shape(published));
    EXPECT_GT(shape(published).size(), 60u);
}

}  // namespace
}  // namespace hvctld::test
