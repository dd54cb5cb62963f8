// Each request of the protocol: what is answered, byte for byte.
#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;

struct Case {
    const char* name;
    T type;
    std::string payload;
    std::string reply;  // with its NULs; for errors the name and a NUL
    bool error = false;
};

void PrintTo(const Case& test, std::ostream* out) {
    *out << test.name;
}

class AsDom0 : public testing::TestWithParam<Case> {};

TEST_P(AsDom0, AnswersExactly) {
    const auto store = make_store();
    Guest dom0{kDom0};
    dom0.introduce(*store);
    ASSERT_TRUE(store->write("/a", "1"));
    ASSERT_TRUE(store->write("/a/x", ""));
    ASSERT_TRUE(store->write("/a/y", "bytes\0inside"s));
    const Case& test = GetParam();
    const Answer answer = dom0.call(*store, test.type, test.payload, 0);
    EXPECT_EQ(answer.payload, test.reply);
    EXPECT_EQ(answer.type, test.error ? T::Error : test.type);
    EXPECT_EQ(answer.transaction, 0u);
}

const std::string kLong(3073 - 1, 'a');

INSTANTIATE_TEST_SUITE_P(
    Protocol, AsDom0,
    testing::Values(
        Case{"Read", T::Read, "/a\0"s, "1"}, Case{"ReadEmpty", T::Read, "/a/x\0"s, ""},
        Case{"ReadBinary", T::Read, "/a/y\0"s, "bytes\0inside"s},
        Case{"ReadAbsent", T::Read, "/b\0"s, "ENOENT\0"s, true},
        Case{"ReadUnterminated", T::Read, "/a", "EINVAL\0"s, true},
        Case{"ReadTwoStrings", T::Read, "/a\0b\0"s, "EINVAL\0"s, true},
        Case{"ReadNothing", T::Read, "", "EINVAL\0"s, true}, Case{"ReadEmptyPath", T::Read, "\0"s, "EINVAL\0"s, true},
        Case{"ReadSlashAtEnd", T::Read, "/a/\0"s, "EINVAL\0"s, true},
        Case{"ReadDoubleSlash", T::Read, "/a//x\0"s, "EINVAL\0"s, true},
        Case{"ReadBadCharacter", T::Read, "/a b\0"s, "EINVAL\0"s, true},
        Case{"ReadSpecial", T::Read, "@releaseDomain\0"s, "EINVAL\0"s, true},
        Case{"ReadTooLong", T::Read, "/" + kLong + '\0', "EINVAL\0"s, true},
        Case{"ReadRelative", T::Read, "x\0"s, "ENOENT\0"s, true}, Case{"Directory", T::Directory, "/a\0"s, "x\0y\0"s},
        Case{"DirectoryLeaf", T::Directory, "/a/x\0"s, ""}, Case{"DirectoryRoot", T::Directory, "/\0"s, "a\0"s},
        Case{"DirectoryPartOffsetIsNoNumber", T::DirectoryPart, "/a\0x\0"s, "EINVAL\0"s, true},
        Case{"DirectoryPartNoOffset", T::DirectoryPart, "/a\0"s, "EINVAL\0"s, true},
        Case{"Write", T::Write,
             "/a\0"
             "2"s,
             "OK\0"s},
        Case{"WriteDeep", T::Write,
             "/n/e/w\0"
             "2"s,
             "OK\0"s},
        Case{"WriteNoPath", T::Write, "/a", "EINVAL\0"s, true}, Case{"Mkdir", T::MakeDirectory, "/m\0"s, "OK\0"s},
        Case{"MkdirAgain", T::MakeDirectory, "/a\0"s, "OK\0"s}, Case{"Remove", T::Remove, "/a\0"s, "OK\0"s},
        Case{"RemoveAbsent", T::Remove, "/b\0"s, "OK\0"s},
        Case{"RemoveAbsentDeep", T::Remove, "/b/c\0"s, "ENOENT\0"s, true},
        Case{"RemoveRoot", T::Remove, "/\0"s, "EINVAL\0"s, true},
        Case{"GetPermissions", T::GetPermissions, "/a\0"s, "n0\0"s},
        Case{"GetPermissionsSpecial", T::GetPermissions, "@releaseDomain\0"s, "n0\0"s},
        Case{"SetPermissions", T::SetPermissions, "/a\0n1\0r2\0b3\0w4\0"s, "OK\0"s},
        Case{"SetPermissionsLetter", T::SetPermissions, "/a\0x1\0"s, "EINVAL\0"s, true},
        Case{"SetPermissionsNumber", T::SetPermissions, "/a\0n70000\0"s, "EINVAL\0"s, true},
        Case{"SetPermissionsNone", T::SetPermissions, "/a\0"s, "EINVAL\0"s, true},
        Case{"SetPermissionsSpecial", T::SetPermissions, "@releaseDomain\0n0\0r5\0"s, "OK\0"s},
        Case{"Watch", T::Watch, "/a\0t\0"s, "OK\0"s}, Case{"WatchAbsent", T::Watch, "/z\0t\0"s, "OK\0"s},
        Case{"WatchNoToken", T::Watch, "/a\0"s, "EINVAL\0"s, true},
        Case{"WatchUnterminated", T::Watch, "/a\0t"s, "EINVAL\0"s, true},
        Case{"UnwatchAbsent", T::Unwatch, "/a\0t\0"s, "ENOENT\0"s, true},
        Case{"ResetWatches", T::ResetWatches, "\0"s, "OK\0"s},
        Case{"TransactionStart", T::TransactionStart, "\0"s, "1\0"s},
        Case{"TransactionEndNone", T::TransactionEnd, "T\0"s, "ENOENT\0"s, true},
        Case{"TransactionEndNonsense", T::TransactionEnd, "X\0"s, "EINVAL\0"s, true},
        Case{"DomainPath", T::GetDomainPath, "5\0"s, "/local/domain/5\0"s},
        Case{"DomainPathNonsense", T::GetDomainPath, "x\0"s, "EINVAL\0"s, true},
        Case{"Introduced", T::IsDomainIntroduced, "0\0"s, "T\0"s},
        Case{"NotIntroduced", T::IsDomainIntroduced, "9\0"s, "F\0"s},
        Case{"ReleaseUnknown", T::Release, "9\0"s, "ENOENT\0"s, true},
        Case{"ReleaseDom0", T::Release, "0\0"s, "EINVAL\0"s, true},
        Case{"ResumeUnknown", T::Resume, "9\0"s, "ENOENT\0"s, true},
        Case{"TargetUnknown", T::SetTarget,
             "9\0"
             "8\0"s,
             "ENOENT\0"s, true},
        Case{"IntroduceWithoutMapper", T::Introduce,
             "9\0"
             "1\0"
             "2\0"s,
             "ENOSYS\0"s, true},
        Case{"IntroduceTooFew", T::Introduce,
             "9\0"
             "1\0"s,
             "EINVAL\0"s, true},
        Case{"ControlUnknown", T::Control, "dance\0"s, "EINVAL\0"s, true},
        Case{"ControlSetQuota", T::Control,
             "quota\0set\0nodes\0"
             "5\0"s,
             "OK\0"s},
        Case{"WatchEventFromClient", T::WatchEvent, "/a\0t\0"s, "ENOSYS\0"s, true},
        Case{"ErrorFromClient", T::Error, "EINVAL\0"s, "ENOSYS\0"s, true},
        Case{"UnknownType", static_cast<T>(20), "", "ENOSYS\0"s, true},
        Case{"HugeType", static_cast<T>(0xffff), "", "ENOSYS\0"s, true}),
    [](const auto& test) { return std::string{test.param.name}; });

TEST(Protocol, EchoesRequestAndTransaction) {
    const auto store = make_store();
    Guest dom0{kDom0};
    dom0.introduce(*store);
    const std::uint32_t id = dom0.begin(*store);
    const std::uint32_t request = dom0.send(T::Read, "/\0"s, id);
    dom0.pump(*store);
    ASSERT_EQ(dom0.answers().back(), (Answer{T::Read, request, id, ""}));
    EXPECT_EQ(dom0.call(*store, T::Read, "/none\0"s, id).transaction, id);
    EXPECT_EQ(dom0.ask(*store, T::Read, "/\0"s, id + 1), "ENOENT");
    EXPECT_EQ(dom0.ask(*store, T::TransactionStart, "\0"s, id), "EBUSY");
}

TEST(Protocol, PipelinedRequestsAreAnsweredInOrder) {
    const auto store = make_store();
    Guest dom0{kDom0};
    dom0.introduce(*store);
    for (int i = 0; i < 300; ++i) dom0.send(T::Write, "/n/" + std::to_string(i) + '\0' + "v");
    dom0.pump(*store);
    ASSERT_EQ(dom0.answers().size(), 300u);
    for (std::uint32_t i = 0; i < 300; ++i) EXPECT_EQ(dom0.answers()[i].request, i + 1);
    EXPECT_EQ(store->list("/n")->size(), 300u);
}

TEST(Protocol, LargestPayloadPassesTheSmallRing) {
    const auto store = make_store();
    Guest dom0{kDom0};
    dom0.introduce(*store);
    const std::string value(kMaxPayload - 3, 'v');
    EXPECT_EQ(dom0.ask(*store, T::Write, "/v\0"s + value), "OK");
    EXPECT_EQ(dom0.ask(*store, T::Read, "/v\0"s), value);
}

TEST(Protocol, RelativePathsStartAtHome) {
    const auto store = make_store();
    ASSERT_TRUE(store->write("/local/domain/5/name", "web"));
    ASSERT_TRUE(store->set_permissions("/local/domain/5", {{DomainId{5}, Access::None}}));
    ASSERT_TRUE(store->set_permissions("/local/domain/5/name", {{DomainId{5}, Access::None}}));
    Guest guest{DomainId{5}};
    guest.introduce(*store);
    EXPECT_EQ(guest.ask(*store, T::Read, "name\0"s), "web");
    EXPECT_EQ(guest.ask(*store, T::Write,
                        "data/x\0"
                        "1"s),
              "OK");
    EXPECT_EQ(store->read("/local/domain/5/data/x"), "1");
    EXPECT_EQ(guest.ask(*store, T::Read, std::string(2049, 'r') + '\0'), "EINVAL");
}

TEST(Protocol, LongListingsComeInParts) {
    const auto store = make_store();
    Guest dom0{kDom0};
    dom0.introduce(*store);
    std::vector<std::string> names;
    for (int i = 0; i < 3000; ++i) {
        names.push_back(std::to_string(10000 + i));
        ASSERT_TRUE(store->mkdir("/local/domain/" + names.back()));
    }
    EXPECT_EQ(dom0.ask(*store, T::Directory, "/local/domain\0"s), "E2BIG");
    std::vector<std::string> seen;
    std::string generation;
    std::size_t offset = 0;
    for (bool more = true; more;) {
        const Answer part = dom0.call(*store, T::DirectoryPart, strings({"/local/domain", std::to_string(offset)}));
        ASSERT_EQ(part.type, T::DirectoryPart);
        ASSERT_LE(part.payload.size(), kMaxPayload);
        auto list = *split_strings(part.payload);
        if (generation.empty()) generation = list[0];
        EXPECT_EQ(generation, list[0]);
        for (std::size_t i = 1; i < list.size() && more; ++i) {
            more = !list[i].empty();
            if (more) seen.emplace_back(list[i]);
            offset += list[i].size() + 1;
        }
    }
    EXPECT_EQ(seen, names);
    ASSERT_TRUE(store->mkdir("/local/domain/1"));
    EXPECT_NE(generation,
              dom0.ask(*store, T::DirectoryPart, strings({"/local/domain", "0"})).substr(0, generation.size()));
    EXPECT_EQ(split_strings(dom0.call(*store, T::DirectoryPart, strings({"/local/domain", "999999"})).payload)->at(1),
              "");
}

TEST(Protocol, ControlTellsQuotas) {
    const auto store = make_store();
    Guest dom0{kDom0};
    dom0.introduce(*store);
    EXPECT_EQ(dom0.ask(*store, T::Control, strings({"quota", "set", "nodes", "77", "4"})), "OK");
    EXPECT_NE(dom0.ask(*store, T::Control, strings({"quota", "4"})).find("77"), std::string::npos);
    EXPECT_EQ(store->quotas(DomainId{4}).get(Quota::Nodes), 77u);
    EXPECT_EQ(store->quotas(DomainId{5}).get(Quota::Nodes), 1000u);
    EXPECT_NE(dom0.ask(*store, T::Control, strings({"help"})).find("quota"), std::string::npos);
    EXPECT_NE(dom0.ask(*store, T::Control, strings({"stats"})).find("nodes"), std::string::npos);
}

TEST(Protocol, OnlyDom0ManagesDomains) {
    const auto store = make_store();
    Guest guest{DomainId{3}};
    guest.introduce(*store);
    for (const T type : {T::Introduce, T::Release, T::Resume, T::SetTarget, T::Control}) {
        EXPECT_EQ(guest.ask(*store, type, strings({"3", "1", "2"})), "EACCES");
    }
    EXPECT_EQ(guest.ask(*store, T::GetPermissions, "@releaseDomain\0"s), "EACCES");
    EXPECT_EQ(guest.ask(*store, T::SetPermissions, "@releaseDomain\0n3\0"s), "EACCES");
    EXPECT_EQ(guest.ask(*store, T::GetDomainPath, "3\0"s), "/local/domain/3");
    EXPECT_EQ(guest.ask(*store, T::IsDomainIntroduced, "3\0"s), "T");
}

TEST(Protocol, IntroduceAndReleaseOverTheWire) {
    Guest dom0{kDom0};
    Guest guest{DomainId{6}};
    StoreOptions options;
    options.map_ring = [&](DomainId domain, std::uint64_t gfn, std::uint32_t port) -> std::optional<RingPort> {
        if (domain != guest.domain() || gfn != 1234 || port != 9) return std::nullopt;
        return guest.port();
    };
    const auto store = *Store::create(std::move(options));
    dom0.introduce(*store);
    EXPECT_EQ(dom0.ask(*store, T::Introduce, strings({"6", "1", "9"})), "EINVAL");
    EXPECT_EQ(dom0.ask(*store, T::Introduce, strings({"6", "1234", "9"})), "OK");
    EXPECT_EQ(guest.ask(*store, T::GetDomainPath, "6\0"s), "/local/domain/6");
    EXPECT_EQ(dom0.ask(*store, T::IsDomainIntroduced, "6\0"s), "T");
    EXPECT_EQ(dom0.ask(*store, T::Resume, "6\0"s), "OK");
    EXPECT_EQ(dom0.ask(*store, T::Release, "6\0"s), "OK");
    EXPECT_EQ(dom0.ask(*store, T::IsDomainIntroduced, "6\0"s), "F");
    EXPECT_FALSE(store->is_introduced(DomainId{6}));
}

}  // namespace
}  // namespace hvctld::store::test
