#include "devices/block/image.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "devices/block/image_claims.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

class ImageTest : public testing::Test {
  protected:
    ImageTest() : store{store::Store::create({}).value()} {}

    [[nodiscard]] config::DiskDefinition disk(const std::string& path, bool read_only = false) const {
        config::DiskDefinition made;
        made.target = "xvda";
        made.path = path;
        made.read_only = read_only;
        return made;
    }
    [[nodiscard]] std::string image(const std::string& name, const std::string& head = {}) const {
        std::string content(64 * 1024, '\0');
        content.replace(0, head.size(), head);
        return folder.file(name, content);
    }
    static ErrorId error(const std::string& what, const Result<Image>& result) {
        EXPECT_FALSE(result) << what;
        return result ? ErrorId::Internal : result.error().id();
    }

    TemporaryFolder folder;
    std::unique_ptr<store::Store> store;
};

TEST_F(ImageTest, LinksLeadToTheSameImage) {
    const std::string path = image("a.img");
    std::filesystem::create_symlink(path, folder / "soft.img");
    std::filesystem::create_hard_link(path, folder / "hard.img");
    const auto opened = open_image(disk(path), true);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(opened->bytes, 64u * 1024);
    for (const char* other : {"soft.img", "hard.img"}) {
        const auto again = open_image(disk(folder / other, true), true);
        ASSERT_TRUE(again) << again.error().text();
        EXPECT_EQ(again->id, opened->id);
        EXPECT_TRUE(again->id.overlaps(opened->id));
    }
    const auto second = open_image(disk(image("b.img")), true);
    ASSERT_TRUE(second);
    EXPECT_FALSE(second->id.overlaps(opened->id));
}

TEST_F(ImageTest, WhatIsNoImageIsRefused) {
    EXPECT_EQ(error("missing", open_image(disk(folder / "none"), true)), ErrorId::FileMissing);
    EXPECT_EQ(error("below a file", open_image(disk(image("a.img") + "/b"), true)), ErrorId::FileMissing);
    EXPECT_EQ(error("a folder", open_image(disk(folder / "."), true)), ErrorId::FileUnreadable);
    EXPECT_EQ(error("a folder", open_image(disk(folder / ".", true), true)), ErrorId::ImageUnusable);
    EXPECT_EQ(error("empty", open_image(disk(folder.file("empty", "")), true)), ErrorId::ImageUnusable);
    EXPECT_EQ(error("cut off", open_image(disk(folder.file("odd", std::string(1000, 'x'))), true)),
              ErrorId::ImageUnusable);
    ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
    EXPECT_EQ(error("a FIFO", open_image(disk(folder / "fifo"), true)), ErrorId::ImageUnusable);
    EXPECT_EQ(error("a terminal", open_image(disk("/dev/null"), true)), ErrorId::ImageUnusable);
}

TEST_F(ImageTest, OtherFormatsAreNamedWhereAnAdministratorAsks) {
    const std::string path = image("guest.qcow2", std::string{"QFI\xfb\0\0\0\3", 8});
    const auto refused = open_image(disk(path), true);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::ImageUnusable);
    EXPECT_NE(refused.error().message().find("format: qcow2"), std::string::npos) << refused.error().message();
    // As new ones are made, which are no whole sectors.
    const std::string odd = folder.file("odd.qcow2", std::string{"QFI\xfb\0\0\0\3", 8} + std::string(196608, '\0'));
    const auto also = open_image(disk(odd), true);
    ASSERT_FALSE(also);
    EXPECT_NE(also.error().message().find("format: qcow2"), std::string::npos) << also.error().message();
    // A guest that has written such a header to its own disk still restarts.
    EXPECT_TRUE(open_image(disk(path), false));
    // A guest that encrypts its whole disk makes no image of it.
    EXPECT_TRUE(open_image(disk(image("encrypted", std::string{"LUKS\xba\xbe\0\2", 8})), true));
}

TEST_F(ImageTest, AnImageIsOfTheFormatThatItsDiskSays) {
    struct Case {
        const char* format;
        std::string head;
    };
    const std::string vdi = std::string(64, ' ') + "\x7f\x10\xda\xbe";
    const std::vector<Case> cases{{"qcow2", std::string{"QFI\xfb\0\0\0\3", 8}},
                                  {"vmdk", std::string{"KDMV\1\0\0\0\3\0\0\0\0\0\2\0", 16}},
                                  {"vhdx", "vhdxfile"},
                                  {"vhd", "conectix"},
                                  {"vdi", vdi},
                                  {"luks", std::string{"LUKS\xba\xbe\0\1", 8}}};
    for (const Case& own : cases) {
        const std::string path = image(own.format, own.head);
        for (const Case& said : cases) {
            config::DiskDefinition one = disk(path);
            one.format = said.format;
            const auto opened = open_image(one, true);
            EXPECT_EQ(opened.has_value(), &own == &said) << own.format << " as " << said.format;
            if (!opened) {
                EXPECT_EQ(opened.error().id(), ErrorId::ImageUnusable);
            }
        }
        config::DiskDefinition none = disk(image("zeroes"));
        none.format = own.format;
        EXPECT_FALSE(open_image(none, true)) << own.format;
    }
}

// Such an image would lead to other files of the host, or is no disk without them.
TEST_F(ImageTest, AnImageThatNeedsOtherFilesIsRefused) {
    std::string head{"QFI\xfb\0\0\0\3", 8};
    head.resize(128, '\0');
    config::DiskDefinition one = disk("");
    one.format = "qcow2";
    const auto opens = [&](const char* name, std::size_t at, char value) {
        std::string changed = head;
        changed[at] = value;
        one.path = image(name, changed);
        return open_image(one, true).has_value();
    };
    EXPECT_TRUE(opens("whole", 7, 3));
    EXPECT_TRUE(opens("old", 7, 2));
    EXPECT_FALSE(opens("version 1", 7, 1));
    EXPECT_FALSE(opens("version 4", 7, 4));
    EXPECT_FALSE(opens("with a backing file", 14, 2));
    EXPECT_FALSE(opens("with a data file", 79, 4));
    EXPECT_FALSE(opens("encrypted", 35, 1));
    EXPECT_TRUE(opens("dirty", 79, 1));
    one.format = "vmdk";
    one.path = image("extents", std::string{"KDMV\1\0\0\0\3\0\0\0\0\0\0\0", 16});
    EXPECT_FALSE(open_image(one, true));
}

TEST_F(ImageTest, ALockOfQemuIsSeen) {
    const std::string path = image("a.img");
    const auto opened = open_image(disk(path), true);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(check_unused(*opened, disk(path)));
    const UniqueFd qemu{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
    struct flock lock {};
    lock.l_type = F_RDLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 201;
    lock.l_len = 1;
    ASSERT_EQ(fcntl(qemu.get(), F_OFD_SETLK, &lock), 0);
    const auto busy = check_unused(*opened, disk(path));
    ASSERT_FALSE(busy);
    EXPECT_EQ(busy.error().id(), ErrorId::ImageBusy);
    config::DiskDefinition shared = disk(path);
    shared.shared = true;
    EXPECT_TRUE(check_unused(*opened, shared));
}

TEST_F(ImageTest, IdsAreReadAsTheyAreWritten) {
    for (const ImageId& id : {ImageId{true, 2049, 131}, ImageId{false, 2048, 1}, ImageId{false, 1ull << 40, 0}})
        EXPECT_EQ(parse_image_id(format_image_id(id)), id);
    for (const char* text :
         {"", "file", "file:", "file:1", "file:1:", "file:1:2x", "disk:1:2", "file:-1:2", "file:1:2:3"})
        EXPECT_FALSE(parse_image_id(text)) << text;
}

TEST_F(ImageTest, LabelsAreReadAsTheyAreWritten) {
    const auto read = parse_label(format_label({"0123456789abcdef", {true, 2049, 131}}));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->service, "0123456789abcdef");
    EXPECT_EQ(read->image, (ImageId{true, 2049, 131}));
    for (const char* text : {"", "hvctl-disk ", "hvctl-disk a", "hvctl-disk  file:1:2", "hvctl-disk a/b file:1:2",
                             "hvctl-disk .. file:1:2", "hvctl-disk a file:1", "other a file:1:2", "file:1:2"})
        EXPECT_FALSE(parse_label(text)) << text;
}

TEST_F(ImageTest, APartitionOverlapsItsDiskAlone) {
    const ImageId whole{false, 2048, 0};
    const ImageId first{false, 2048, 1};
    const ImageId second{false, 2048, 2};
    EXPECT_TRUE(whole.overlaps(first));
    EXPECT_TRUE(second.overlaps(whole));
    EXPECT_FALSE(first.overlaps(second));
    EXPECT_FALSE(first.overlaps({false, 2064, 1}));
    EXPECT_FALSE((ImageId{true, 2048, 1}.overlaps(first)));
}

TEST_F(ImageTest, OneWritesOrAllRead) {
    ImageClaims claims{*store};
    const ImageId id{true, 1, 2};
    config::DiskDefinition writes = disk("/a");
    config::DiskDefinition reads = disk("/a", true);
    ASSERT_TRUE(claims.take("web1", reads, id));
    ASSERT_TRUE(claims.take("web2", reads, id));
    const auto refused = claims.take("web3", writes, id);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::ImageBusy);
    EXPECT_NE(refused.error().message().find("web1"), std::string::npos);
    claims.release("web1", 0);
    claims.release("web2", 0);
    ASSERT_TRUE(claims.take("web3", writes, id));
    EXPECT_FALSE(claims.take("web1", reads, id));
    EXPECT_FALSE(claims.take("web1", writes, id));
    EXPECT_TRUE(claims.take("web1", writes, {true, 1, 3}));
    // The same disk twice in one guest is no better.
    writes.target = "xvdb";
    EXPECT_FALSE(claims.take("web3", writes, id));
}

TEST_F(ImageTest, SharedIsForThoseWhoAllSaySo) {
    ImageClaims claims{*store};
    config::DiskDefinition shared = disk("/a");
    shared.shared = true;
    ASSERT_TRUE(claims.take("web1", shared, {true, 1, 2}));
    ASSERT_TRUE(claims.take("web2", shared, {true, 1, 2}));
    EXPECT_FALSE(claims.take("web3", disk("/a"), {true, 1, 2}));
}

TEST_F(ImageTest, ClaimsOutliveTheDaemon) {
    {
        ImageClaims claims{*store};
        ASSERT_TRUE(claims.take("web1", disk("/a"), {true, 1, 2}));
        ASSERT_TRUE(claims.take("web2", disk("/b"), {true, 1, 3}));
        ASSERT_TRUE(claims.take("web3", disk("/c"), {true, 1, 4}));
        claims.keep("web1", 5, "xvda", ClaimState::There);
        claims.keep("web2", 6, "xvda", ClaimState::There);
    }
    EXPECT_EQ(store->permissions("/tool/hvctld/images/5/xvda")->size(), 1u);  // no guest reads it
    ImageClaims claims{*store};
    claims.load([](std::uint16_t domid) { return domid == 5; });
    EXPECT_FALSE(claims.take("other", disk("/a"), {true, 1, 2}));
    EXPECT_TRUE(claims.take("other", disk("/b"), {true, 1, 3}));  // that domain has gone
    EXPECT_FALSE(store->exists("/tool/hvctld/images/6"));
    ASSERT_EQ(claims.of(5).size(), 1u);
    EXPECT_EQ(claims.of(5).front().disk.path, "/a");
    EXPECT_EQ(claims.of(5).front().state, ClaimState::There);
    claims.release("web1", 0);  // a namesake that did not come to be
    EXPECT_FALSE(claims.take("other", disk("/a"), {true, 1, 2}));
    claims.release("web1", 5);
    EXPECT_FALSE(store->exists("/tool/hvctld/images/5"));
    EXPECT_TRUE(claims.take("other", disk("/a"), {true, 1, 2}));
}

}  // namespace
}  // namespace hvctld::test
