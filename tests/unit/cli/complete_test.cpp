#include "complete.hpp"

#include <gtest/gtest.h>

#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

std::string offered_domains(Complete which) {
    if (which == Complete::Guest) return "guests ";
    if (which == Complete::Ended) return "ended ";
    return which == Complete::Domain ? "domains " : "";
}

class CompleteTest : public testing::Test {
  protected:
    Context context_;
    App app_;
    void SetUp() override { add_all_verbs(app_, context_); }
    std::string offered(const std::vector<std::string>& words) const {
        Completion completion = complete(app_, words);
        std::string text;
        for (const Candidate& candidate : completion.candidates) text += candidate.word + ' ';
        return text + (completion.files ? "files " : "") + offered_domains(completion.domains);
    }
};

TEST_F(CompleteTest, OffersVerbsFirst) {
    EXPECT_EQ(offered({"p"}), "pause perf ");
    EXPECT_EQ(offered({"--no-color", "cr"}), "create ");
    EXPECT_NE(offered({""}).find("vcpu-pin "), std::string::npos);
}

TEST_F(CompleteTest, OffersWhatTheVerbTakes) {
    EXPECT_EQ(offered({"create", ""}), "files ");
    EXPECT_EQ(offered({"create", "a.yaml", ""}), "");
    EXPECT_EQ(offered({"console", ""}), "domains ");
    EXPECT_EQ(offered({"console", "web1", ""}), "");
    EXPECT_EQ(offered({"destroy", "web1", ""}), "guests ");
    EXPECT_EQ(offered({"start", ""}), "ended ");
    EXPECT_EQ(offered({"forget", "web1", ""}), "ended ");
    EXPECT_EQ(offered({"unpause", ""}), "guests ");
    EXPECT_EQ(offered({"job", "c"}), "cancel ");
    EXPECT_EQ(offered({"help", "cr"}), "create ");
    EXPECT_EQ(offered({"create", "--p"}), "--paused ");
}

TEST_F(CompleteTest, KnowsWhichOptionsTakeAValue) {
    EXPECT_EQ(offered({"shutdown", "--timeout", ""}), "");
    EXPECT_EQ(offered({"shutdown", "--timeout", "30", ""}), "guests ");
    EXPECT_EQ(offered({"--bus", "/x", "con"}), "console ");
}

TEST_F(CompleteTest, KnowsVerbsWhoseWordsStandApart) {
    EXPECT_EQ(offered({"volume", "cr"}), "create ");
    EXPECT_EQ(offered({"volume", "import", "web1", ""}), "files ");
    EXPECT_EQ(offered({"cpupool", "cpu-"}), "cpu-add cpu-remove ");
    EXPECT_EQ(offered({"volume", "frob", ""}), "");
    EXPECT_EQ(offered({"stop", ""}), "");
}

TEST_F(CompleteTest, IsSilentAboutNonsense) {
    EXPECT_EQ(offered({}), "");
    EXPECT_EQ(offered({"frobnicate", ""}), "");
    EXPECT_EQ(offered({"domid", "a", "b", ""}), "");
}

}  // namespace
}  // namespace hvctl::cli
