// What is written down elsewhere and must agree with the program: the published bus interface, the daemon's error
// names, the manual, the editors' schema and the examples.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "bus/connection.hpp"
#include "fake_daemon.hpp"
#include "process.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli::test {
namespace {

std::string read_source(const std::string& path) {
    std::ifstream file(std::string(HVCTL_SOURCE_TREE) + '/' + path);
    EXPECT_TRUE(file.good()) << path;
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::smatch> all_matches(const std::string& text, const std::regex& pattern) {
    return {std::sregex_iterator(text.begin(), text.end(), pattern), std::sregex_iterator()};
}

TEST(Contract, TheFakeDaemonHasThePublishedInterface) {
    std::string xml = read_source("schemas/org.hvctl1.xml");
    std::regex method(R"re(<method name="(\w+)">([\s\S]*?)</method>)re");
    std::regex argument(R"re(<arg name="\w+" type="([^"]+)" direction="(in|out)"/>)re");
    std::vector<std::string> published;
    for (const auto& found : all_matches(xml, method)) {
        std::string in, out, body = found[2];
        for (const auto& type : all_matches(body, argument)) (type[2] == "in" ? in : out) += type[1];
        published.push_back(found[1].str() + '(' + in + ')' + out);
    }
    EXPECT_EQ(FakeDaemon::methods(), published);
}

TEST(Contract, EveryErrorOfTheDaemonIsKnown) {
    std::string table = read_source("toolstack/daemon/base/errors.cpp");
    auto names = all_matches(table, std::regex(R"re(ErrorEntry\{ErrorId::\w+,\s*"(\w+)")re"));
    EXPECT_GT(names.size(), 20u);
    for (const auto& name : names) EXPECT_TRUE(known_exit_code(name[1].str()).has_value()) << name[1];
}

// The manual without the dashes' escapes.
std::string manual(const std::string& page) {
    return std::regex_replace(read_source("man/" + page), std::regex(R"(\\-)"), "-");
}

TEST(Contract, TheManualNamesEveryVerbAndOption) {
    std::string page = manual("hvctl.1");
    Context context;
    App app;
    add_all_verbs(app, context);
    for (const Verb& verb : app.verbs()) {
        std::size_t start = page.find(".It Ic " + verb.name);
        ASSERT_NE(start, std::string::npos) << verb.name;
        std::string section = page.substr(start, page.find("\n.It Ic ", start + 1) - start);
        for (const Option& option : verb.options) {
            EXPECT_NE(section.find("Fl -" + option.name.substr(2)), std::string::npos)
                << verb.name << ' ' << option.name;
        }
    }
}

TEST(Contract, TheManualNamesEveryExitCode) {
    std::string page = manual("hvctl.1");
    for (int code : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130, 141}) {
        EXPECT_NE(page.find("\n.It " + std::to_string(code) + '\n'), std::string::npos) << code;
    }
}

TEST(Contract, TheManualOfDomainFilesNamesEveryKeyOfTheSchema) {
    auto schema = nlohmann::json::parse(read_source("schemas/domain.schema.json"));
    std::string page = manual("hvctl.yaml.5");
    auto check = [&page](const nlohmann::json& properties) {
        for (const auto& [key, value] : properties.items()) {
            EXPECT_NE(page.find(".It Cm " + key + '\n'), std::string::npos) << key;
            EXPECT_TRUE(value.contains("description") || value.contains("$ref")) << key;
        }
    };
    check(schema["properties"]);
    for (const auto& [name, part] : schema["definitions"].items()) {
        if (part.contains("properties")) check(part["properties"]);
    }
}

TEST(Contract, TheExampleUsesKeysOfTheSchema) {
    auto schema = nlohmann::json::parse(read_source("schemas/domain.schema.json"));
    std::istringstream example(read_source("examples/hello.yaml"));
    std::string line;
    while (std::getline(example, line)) {
        if (line.empty() || line[0] == '#' || line[0] == ' ') continue;
        std::string key = line.substr(0, line.find(':'));
        EXPECT_TRUE(schema["properties"].contains(key)) << line;
    }
}

// hvctl validate's word about a domain file.
Outcome validated(const std::string& text) {
    return run_hvctl({.arguments = {"validate", "-"}, .input = text, .environment = {}});
}

TEST(Contract, EveryExampleCanBeCreatedAsItStands) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::string(HVCTL_SOURCE_TREE) + "/examples")) {
        if (entry.path().extension() != ".yaml") continue;
        ++files;
        Outcome outcome = validated(read_source("examples/" + entry.path().filename().string()));
        EXPECT_EQ(outcome.code, 0) << entry.path() << outcome.err;
        EXPECT_EQ(outcome.err, "") << entry.path();  // a warning: it is valid and would be refused
    }
    EXPECT_GE(files, 1u);
    std::size_t blocks = 0;
    const std::string page = manual("hvctl.yaml.5");
    for (const auto& block : all_matches(page, std::regex(R"re(\n\.Bd -literal[^\n]*\n([\s\S]*?)\n\.Ed\n)re"))) {
        const std::string text = block[1].str() + '\n';
        if (!text.starts_with("name:")) continue;  // the host's settings
        ++blocks;
        Outcome outcome = validated(text);
        EXPECT_EQ(outcome.code, 0) << text << outcome.err;
        EXPECT_EQ(outcome.err, "") << text;
    }
    EXPECT_GE(blocks, 1u);
}

TEST(Contract, TheManualNamesEveryOptionOfTheHypervisor) {
    std::string parser = read_source("hv/x86/boot/command_line.cpp");
    std::string page = manual("hv-command-line.7");
    std::set<std::string> names;
    for (const auto& found : all_matches(parser, std::regex(R"re(if \(name == "(\w+)"\) return verdict)re")))
        names.insert(found[1]);
    EXPECT_GT(names.size(), 8u);
    for (const std::string& name : names) {
        EXPECT_TRUE(std::regex_search(page, std::regex("\\.It Cm " + name + "\\b"))) << name;
    }
}

}  // namespace
}  // namespace hvctl::cli::test
