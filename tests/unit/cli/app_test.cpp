#include "app.hpp"

#include <gtest/gtest.h>

#include "elsewhere.hpp"
#include "help.hpp"
#include "text.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

class AppTest : public testing::Test {
  protected:
    Context context_;
    App app_;
    void SetUp() override { add_all_verbs(app_, context_); }
    std::string found(std::string_view name) const {
        auto verb = app_.find(name);
        return verb ? (*verb)->name : verb.error().message;
    }
};

TEST_F(AppTest, AnyUnambiguousPrefixNamesAVerb) {
    EXPECT_EQ(found("cr"), "create");
    EXPECT_EQ(found("cons"), "console");
    EXPECT_EQ(found("li"), "list");
    EXPECT_EQ(found("un"), "unpause");
    EXPECT_EQ(found("vcpu-p"), "vcpu-pin");
    EXPECT_EQ(found("pause"), "pause");
}

TEST_F(AppTest, AnAmbiguousPrefixNamesAllThatFit) {
    EXPECT_EQ(found("do"), "'do' may mean any of: domid, domname");
    EXPECT_EQ(found("vcpu"), "'vcpu' may mean any of: vcpu-list, vcpu-set, vcpu-pin");
}

TEST_F(AppTest, AnUnknownVerbGetsASuggestionIfThereIsACloseOne) {
    EXPECT_EQ(found("craete"), "there is no verb 'craete'; did you mean 'create'?\n'hvctl help' lists the verbs.");
    EXPECT_EQ(found("frobnicate"), "there is no verb 'frobnicate'\n'hvctl help' lists the verbs.");
}

TEST_F(AppTest, NobodyStopsAllGuestsByAccident) {
    EXPECT_EQ(found("stop-all"), "stop-all");
    for (const char* typed : {"stop", "stop-", "stop-al"}) EXPECT_NE(found(typed), "stop-all") << typed;
    EXPECT_NE(found("stop").find("'hvctl shutdown' asks a guest to power off"), std::string::npos) << found("stop");
}

TEST_F(AppTest, TheWordsOfAVerbMayStandApart) {
    ASSERT_NE(app_.find_apart("volume", "create"), nullptr);
    EXPECT_EQ(app_.find_apart("volume", "create")->name, "volume-create");
    EXPECT_EQ(app_.find_apart("volume", "cr"), nullptr);
    EXPECT_EQ(app_.find_apart("list", "all"), nullptr);
    EXPECT_EQ(app_.find_apart("stop", "all"), nullptr);
}

TEST_F(AppTest, AVerbOfXlSaysWhatThereIsInItsPlace) {
    EXPECT_EQ(found("vm-list"),
              "there is no verb 'vm-list' in this version\n"
              "'hvctl list' shows all domains, and with --json their UUIDs.");
    for (const char* typed : {"save", "migrate-receive", "sched-credit2", "cpupool-numa-split", "pci-attach",
                              "cd-insert", "pci-assignable-add", "xentop", "restart", "autostart", "edit", "status"})
        EXPECT_NE(found(typed).find("in this version\n"), std::string::npos) << typed;
    for (const Verb& verb : app_.verbs()) EXPECT_EQ(in_place_of(verb.name), "") << verb.name;
}

TEST_F(AppTest, HelpFitsIntoTheTerminal) {
    for (std::size_t width : {20u, 40u, 80u, 300u}) {
        Terminal terminal{.is_tty = true, .colours = false, .width = width};
        std::string texts = overview(app_, terminal);
        for (const Verb& verb : app_.verbs()) {
            const std::string help = help_of(verb, terminal);
            texts += help.substr(0, help.find("\nExamples"));  // to be copied as they are
        }
        for (const std::string& line : split_lines(texts)) {
            const bool one_word = line.find(' ', line.find_first_not_of(' ')) == std::string::npos;
            EXPECT_TRUE(display_width(line) <= std::min<std::size_t>(width, 96) || one_word || line.starts_with("  -"))
                << width << ": " << line;
        }
    }
}

TEST_F(AppTest, EveryVerbSaysWhatItIs) {
    for (const Verb& verb : app_.verbs()) {
        EXPECT_FALSE(verb.summary.empty()) << verb.name;
        EXPECT_FALSE(verb.description.empty()) << verb.name;
        EXPECT_FALSE(verb.run == nullptr) << verb.name;
        for (const Option& option : verb.options) EXPECT_FALSE(option.help.empty()) << verb.name << option.name;
        for (const std::string& text : {help_of(verb, {}), overview(app_, {})}) {
            EXPECT_EQ(text.find("  \n"), std::string::npos) << verb.name;
            EXPECT_EQ(text.find('\x1b'), std::string::npos) << verb.name;
        }
    }
}

struct Parsed {
    Globals globals;
    bool flag = false;
    std::string value, first;
    std::vector<std::string> rest;
    Result<void> outcome;
};

Parsed parse(const std::vector<std::string>& words) {
    Parsed parsed;
    Verb verb;
    verb.name = "try";
    verb.flag("--flag", "-f", parsed.flag, "a flag");
    verb.value("--value", "V", parsed.value, "a value");
    verb.positional("FIRST", Complete::Nothing, parsed.first, "the first");
    verb.positionals_of("REST", Complete::Nothing, parsed.rest, Arity::Any, "the rest");
    parsed.outcome = parse_arguments(verb, words, parsed.globals);
    return parsed;
}

TEST(Parse, OptionsMayStandAnywhere) {
    Parsed parsed = parse({"a", "-f", "b=1", "--value", "x", "c", "--no-color"});
    ASSERT_TRUE(parsed.outcome);
    EXPECT_TRUE(parsed.flag);
    EXPECT_TRUE(parsed.globals.no_colour);
    EXPECT_EQ(parsed.value, "x");
    EXPECT_EQ(parsed.first, "a");
    EXPECT_EQ(parsed.rest, (std::vector<std::string>{"b=1", "c"}));
}

TEST(Parse, ADashIsAnArgumentAndTwoDashesEndTheOptions) {
    Parsed parsed = parse({"-", "--", "--flag"});
    ASSERT_TRUE(parsed.outcome) << parsed.outcome.error().message;
    EXPECT_FALSE(parsed.flag);
    EXPECT_EQ(parsed.first, "-");
    EXPECT_EQ(parsed.rest, std::vector<std::string>{"--flag"});
}

TEST(Parse, BadLinesAreUsageErrorsThatSayWhatIsWrong) {
    auto message = [](const std::vector<std::string>& words) {
        Parsed parsed = parse(words);
        EXPECT_FALSE(parsed.outcome);
        EXPECT_EQ(parsed.outcome.error().code, ExitCode::Usage);
        return parsed.outcome.error().message;
    };
    EXPECT_EQ(message({}), "try: FIRST is missing\n'hvctl help try' tells what it takes.");
    EXPECT_EQ(message({"a", "--flga"}),
              "try: unknown option '--flga'; did you mean '--flag'?\n'hvctl help try' tells what it takes.");
    EXPECT_EQ(message({"a", "--frobnicate=1"}),
              "try: unknown option '--frobnicate=1'\n'hvctl help try' tells what it takes.");
    EXPECT_NE(message({"a", "--value"}).find("--value"), std::string::npos);
}

TEST(Parse, HelpWinsOverMissingArguments) {
    Parsed parsed = parse({"--help"});
    EXPECT_TRUE(parsed.outcome);
    EXPECT_TRUE(parsed.globals.help);
}

TEST(CommandLine, GlobalOptionsStandBeforeTheVerbToo) {
    Globals globals;
    auto line = split_command_line({"--bus", "/x", "--no-color", "list", "--json"}, globals);
    ASSERT_TRUE(line);
    EXPECT_EQ(globals.bus, "/x");
    EXPECT_TRUE(globals.no_colour);
    EXPECT_EQ(line->verb, "list");
    EXPECT_EQ(line->arguments, std::vector<std::string>{"--json"});
    EXPECT_EQ(split_command_line({"--frob", "list"}, globals).error().code, ExitCode::Usage);
    EXPECT_EQ(split_command_line({"--bus"}, globals).error().message, "--bus needs an address");
    EXPECT_EQ(split_command_line({"list", "\xff"}, globals).error().message, "argument 2 is not UTF-8 text");
}

}  // namespace
}  // namespace hvctl::cli
