// What cloud-init is told, as texts and as a file system.
#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "devices/cloud_init/seed_files.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

using Json = nlohmann::json;

config::DomainDefinition server() {
    config::DomainDefinition made;
    made.name = "vps";
    made.uuid = "6e0ea8b1-27f4-4ac2-a6f8-3a4ed2bd7dd1";
    made.cloud_init = config::CloudInit{};
    made.cloud_init->ssh_authorized_keys = {"ssh-ed25519 AAAA me"};
    config::NicDefinition nic;
    nic.mac = *config::parse_mac("00:16:3e:00:00:01");
    nic.addresses = {*config::parse_ip_prefix("10.213.1.5/20"), *config::parse_ip_prefix("2001:db8::/64")};
    made.nics = {nic};
    return made;
}

std::string text_of(const std::vector<SeedFile>& files, const std::string& name) {
    for (const SeedFile& file : files) {
        if (file.name == name) return file.text;
    }
    return {};
}

TEST(Seed, TellsWhoTheGuestIsAndWhere) {
    const std::vector networks{config::usual_network("")};
    const auto files = seed_files(server(), networks, "");
    const Json meta = Json::parse(text_of(files, "meta-data"));
    EXPECT_EQ(meta["local-hostname"], "vps");
    EXPECT_EQ(meta["public-keys"][0], "ssh-ed25519 AAAA me");
    const Json nic = Json::parse(text_of(files, "network-config"))["ethernets"]["nic0"];
    EXPECT_EQ(nic["match"]["macaddress"], "00:16:3e:00:00:01");
    EXPECT_EQ(nic["addresses"], Json::array({"10.213.1.5/20"}));
    EXPECT_EQ(nic["gateway4"], "10.213.0.1");
    EXPECT_EQ(nic["nameservers"]["addresses"][0], "10.213.0.1");
    EXPECT_TRUE(text_of(files, "user-data").starts_with("#cloud-config\n"));
    EXPECT_EQ(text_of(seed_files(server(), networks, "#!/bin/sh\n"), "user-data"), "#!/bin/sh\n");
}

TEST(Seed, GatewaysAndNameserversOfOtherBridges) {
    auto there = server();
    config::NicDefinition& nic = there.nics.front();
    nic.bridge = "br0";
    nic.addresses = {*config::parse_ip_prefix("192.0.2.10/24"), *config::parse_ip_prefix("2001:db8::10/64")};
    const auto told = [&] { return Json::parse(text_of(seed_files(there, {}, ""), "network-config")); };
    EXPECT_FALSE(told()["ethernets"]["nic0"].contains("gateway4"));
    nic.gateways = {*config::parse_ip_prefix("192.0.2.1"), *config::parse_ip_prefix("2001:db8::1")};
    nic.nameservers = {*config::parse_ip_prefix("192.0.2.53")};
    const Json world = told()["ethernets"]["nic0"];
    EXPECT_EQ(world["gateway4"], "192.0.2.1");
    EXPECT_EQ(world["gateway6"], "2001:db8::1");
    EXPECT_EQ(world["nameservers"]["addresses"], Json::array({"192.0.2.53"}));
}

TEST(Seed, AGatewayThatIsApartIsToldAsEachKindOfGuestTakesIt) {
    auto there = server();
    there.nics.front().addresses = {*config::parse_ip_prefix("203.0.113.5"), *config::parse_ip_prefix("2001:db8::/64")};
    const std::vector networks{config::usual_network("")};
    const Json all = Json::parse(text_of(seed_files(there, networks, ""), "network-config"));
    EXPECT_EQ(all["version"], 1);
    const Json nic = all["config"][0];
    EXPECT_EQ(nic["mac_address"], "00:16:3e:00:00:01");
    ASSERT_EQ(nic["subnets"].size(), 1u);
    EXPECT_EQ(nic["subnets"][0]["address"], "203.0.113.5/32");
    EXPECT_EQ(nic["subnets"][0]["gateway"], "10.213.0.1");
    EXPECT_EQ(nic["subnets"][0]["dns_nameservers"][0], "10.213.0.1");
}

TEST(Seed, AnotherIdentityIsAnotherInstance) {
    const std::vector networks{config::usual_network("")};
    const auto id = [&](const config::DomainDefinition& definition, const std::string& user_data = {}) {
        return Json::parse(text_of(seed_files(definition, networks, user_data), "meta-data"))["instance-id"]
            .get<std::string>();
    };
    const std::string first = id(server());
    EXPECT_EQ(first, id(server()));
    auto other = server();
    other.nics.front().addresses = {*config::parse_ip_prefix("10.213.1.6/20")};
    EXPECT_NE(first, id(other));
    other = server();
    other.cloud_init->hostname = "www";
    EXPECT_NE(first, id(other));
    EXPECT_NE(first, id(server(), "#!/bin/sh\n"));
}

TEST(Seed, IsAFileSystemThatOthersRead) {
    const TemporaryFolder folder;
    const std::string path = folder / "seed.iso";
    ASSERT_TRUE(
        write_seed(path, {{"meta-data", "one\n"}, {"network-config", std::string(5000, 'x')}, {"user-data", ""}}));
    EXPECT_FALSE(write_seed(folder / "nowhere/seed.iso", {}));
    archive* const image = archive_read_new();
    archive_read_support_format_iso9660(image);
    ASSERT_EQ(archive_read_open_filename(image, path.c_str(), 2048), ARCHIVE_OK) << archive_error_string(image);
    std::map<std::string, std::int64_t> found;
    archive_entry* entry = nullptr;
    while (archive_read_next_header(image, &entry) == ARCHIVE_OK) {
        if (archive_entry_filetype(entry) == AE_IFREG) found[archive_entry_pathname(entry)] = archive_entry_size(entry);
    }
    archive_read_free(image);
    const std::map<std::string, std::int64_t> wanted{{"meta-data", 4}, {"network-config", 5000}, {"user-data", 0}};
    EXPECT_EQ(found, wanted);
    // Where blkid and cloud-init look for the label.
    constexpr std::size_t kVolume = 16 * 2048 + 40;
    std::ifstream raw{path, std::ios::binary};
    std::string label(6, '\0');
    raw.seekg(kVolume).read(label.data(), static_cast<std::streamsize>(label.size()));
    EXPECT_TRUE(label == "cidata" || label == "CIDATA") << label;
}

class SeedOfGuest : public HostTest {};

TEST_F(SeedOfGuest, IsOneMoreDiskAndGoesWithTheGuest) {
    ASSERT_EQ(process->finish(create(definition("web1", "cloud_init: {}\nnics: [{}]\n"))).state, JobState::Done);
    const auto disks = process->manager->disks("web1").value();
    ASSERT_EQ(disks.size(), 1u);
    EXPECT_EQ(disks.front().target, "xvdz");
    EXPECT_TRUE(disks.front().cdrom);
    const auto is_there = [&] { return std::ifstream{disks.front().path}.good(); };
    EXPECT_TRUE(is_there());
    process->finish(process->manager->destroy("web1"));
    process->run_until([&] { return !is_there(); });
    // However soon the next run follows, its seed is not what is removed.
    for (int i = 0; i < 5; ++i) {
        process->finish(process->manager->start("web1", {}));
        EXPECT_EQ(process->manager->disks("web1").value().size(), 1u);
        EXPECT_TRUE(is_there());
        process->finish(process->manager->destroy("web1"));
    }
    process->run_until([&] { return !is_there(); });
    // The end of a guest, and the daemon's a moment later; what another was writing when it was killed.
    process->finish(process->manager->start("web1", {}));
    const std::string left = folder.file("seeds/11111111-2222-3333-4444-555555555555.iso", "keys");
    const std::string half = folder.file("seeds/11111111-2222-3333-4444-555555555555.iso.aBcDeF", "keys");
    restart();
    process->run_until([&] { return !std::ifstream{left}.good() && !std::ifstream{half}.good(); });
    EXPECT_TRUE(is_there());
    process->finish(process->manager->destroy("web1"));
    process->run_until([&] { return !is_there(); });
}

}  // namespace
}  // namespace hvctld::test
