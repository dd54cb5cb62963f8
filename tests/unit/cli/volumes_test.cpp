// The verbs of volumes.
#include <nlohmann/json.hpp>

#include "verbs_testing.hpp"

namespace hvctl::cli::test {
namespace {

using VolumeVerbs = VerbsTest;

TEST_F(VolumeVerbs, AreListed) {
    daemon_.volume_pools = {{{"name", std::string("default")}, {"kind", std::string("directory")}}};
    daemon_.volumes = {{{"pool", std::string("default")},
                        {"name", std::string("web1")},
                        {"path", std::string("/var/lib/hvctl/volumes/web1")},
                        {"bytes", 2048 * kMebibyte},
                        {"allocated_bytes", 128 * kMebibyte},
                        {"domains", std::vector<std::string>{"hello"}}}};
    const auto shown = hvctl({"volume-list"});
    EXPECT_EQ(shown.code, 0) << shown.err;
    EXPECT_NE(shown.out.find("default/web1  2 GiB  128 MiB  hello    /var/lib/hvctl/volumes/web1"), std::string::npos)
        << shown.out;
    EXPECT_EQ(last_call(), "ListVolumes()");
    const auto json = nlohmann::json::parse(hvctl({"volume-list", "default", "--json"}).out, nullptr, false);
    ASSERT_FALSE(json.is_discarded());
    EXPECT_EQ(json["pools"][0]["kind"], "directory");
    EXPECT_EQ(json["volumes"][0]["bytes"], 2048 * kMebibyte);
    EXPECT_EQ(last_call(), "ListVolumes(default)");
    daemon_.volume_pools[0]["trouble"] = std::string("no disk");
    const auto trouble = hvctl({"volume-list"});
    EXPECT_EQ(trouble.code, 1);
    EXPECT_NE(trouble.err.find("default: no disk"), std::string::npos) << trouble.err;
}

TEST_F(VolumeVerbs, SayWhatIsWanted) {
    const auto call = [&](const std::vector<std::string>& words) {
        EXPECT_EQ(hvctl(words).code, 0) << words.front();
        const auto calls = daemon_.calls();
        return calls.size() < 2 ? std::string{} : calls[calls.size() - 2];  // before the wait for the job
    };
    EXPECT_EQ(call({"volume-create", "fast/web1", "20GiB"}), "CreateVolume(fast/web1, 21474836480)");
    EXPECT_EQ(call({"volume", "create", "web1", "1MiB"}), "CreateVolume(web1, 1048576)");
    EXPECT_EQ(call({"volume-resize", "web1", "2MiB"}), "ResizeVolume(web1, 2097152)");
    EXPECT_EQ(call({"volume-delete", "web1"}), "DeleteVolume(web1)");
    EXPECT_EQ(call({"volume-import", "web1", "/srv/a.img"}), "ImportVolume(web1, /srv/a.img, raw)");
    EXPECT_EQ(call({"volume", "import", "web1", "--format", "qcow2", "/a"}), "ImportVolume(web1, /a, qcow2)");
    for (const char* wrong : {"20", "0GiB", "much"})
        EXPECT_EQ(hvctl({"volume-create", "web1", wrong}).code, 2) << wrong;
    daemon_.errors["DeleteVolume"] = {"ImageBusy", "HV-E0702: volume default/web1 is a disk of hello"};
    EXPECT_EQ(hvctl({"volume-delete", "web1"}).code, 7);
    const auto group = hvctl({"volume"});
    EXPECT_EQ(group.code, 2);
    EXPECT_NE(group.err.find("volume-list, volume-create"), std::string::npos) << group.err;
}

TEST_F(VolumeVerbs, AVolumeIsAttached) {
    EXPECT_EQ(hvctl({"block-attach", "hello", "fast/data", "--volume", "--no-wait"}).code, 0);
    EXPECT_NE(last_call().find("\"volume\": \"fast/data\""), std::string::npos) << last_call();
    EXPECT_EQ(last_call().find("\"path\""), std::string::npos) << last_call();
}

}  // namespace
}  // namespace hvctl::cli::test
