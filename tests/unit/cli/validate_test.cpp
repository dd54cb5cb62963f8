// hvctl validate.
#include <nlohmann/json.hpp>

#include "verbs_testing.hpp"

namespace hvctl::cli::test {
namespace {

// Text is checked by the real checker, and no daemon has to listen on the bus.
TEST_F(VerbsTest, ValidateReportsEachFile) {
    daemon_.stop();
    std::string good = definition("{name: hello, memory: 128MiB, kernel: /vmlinuz}\n");
    Outcome outcome = hvctl({"validate", "/no/such", good});
    EXPECT_EQ(outcome.out, good + ": valid\n");
    EXPECT_EQ(outcome.err, "hvctl: there is no file /no/such\n");
    EXPECT_EQ(outcome.code, 2);
    auto json = nlohmann::json::parse(hvctl({"validate", "--json", good}).out);
    EXPECT_EQ(json["files"][0]["definition"]["memory"], "128MiB");

    std::string bad = definition("nmae: hello\nmemory: 128MiB\nkernel: /vmlinuz\n");
    outcome = hvctl({"validate", bad});
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(bad + ":1:1: unknown key \"nmae\" in a domain; did you mean \"name\"?"),
              std::string::npos)
        << outcome.err;
    EXPECT_EQ(outcome.code, 2);
    outcome = hvctl({"validate", "--json", bad});
    json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json["files"][0]["valid"], false);
    EXPECT_TRUE(json["files"][0]["error"].get<std::string>().starts_with("HV-E0101: ")) << outcome.out;
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(outcome.code, 2);
}

TEST_F(VerbsTest, ValidateOfSomethingThatIsNotServedYetWarns) {
    Outcome outcome = hvctl({"validate", definition("{name: hello, memory: 128MiB, kernel: /vmlinuz, type: pvh}\n")});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(
        outcome.err,
        "hvctl: warning: hello: type pvh is not available yet; write type: pv. 'hvctl create' refuses it until then\n");
}

TEST_F(VerbsTest, ValidateAgainstTheHostAsksHvctld) {
    EXPECT_EQ(hvctl({"validate", "--host", definition("name: hello\n")}).code, 0);
    EXPECT_TRUE(last_call().starts_with("ValidateDomain(")) << last_call();
    EXPECT_TRUE(last_call().ends_with("{host=true})")) << last_call();
}

TEST_F(VerbsTest, ValidateWithoutItsCheckerSaysSo) {
    std::string path = definition("name: hello\n");
    Outcome outcome =
        run_hvctl({.arguments = {"validate", path}, .input = {}, .environment = {{"HVCTLD", "/no/such/hvctld"}}});
    EXPECT_EQ(outcome.err,
              "hvctl: cannot run /no/such/hvctld to check the file: No such file or directory\n"
              "It is part of the package hvctl; install that again.\n");
    EXPECT_EQ(outcome.code, 1);
}

}  // namespace
}  // namespace hvctl::cli::test
