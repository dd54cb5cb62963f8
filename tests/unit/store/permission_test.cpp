// Which domain may do what.
#include <gtest/gtest.h>

#include "guest.hpp"

namespace hvctld::store::test {
namespace {

using T = MessageType;

class PermissionRules : public testing::Test {
  protected:
    void SetUp() override {
        for (Guest* guest : {&one, &two}) guest->introduce(*store);
        set("/own", {{DomainId{1}, Access::None}});
        set("/readable", {{kDom0, Access::Read}});
        set("/writable", {{kDom0, Access::Write}});
        set("/for2", {{kDom0, Access::None}, {DomainId{2}, Access::Both}});
        set("/not2", {{kDom0, Access::Both}, {DomainId{2}, Access::None}});
        set("/secret", {{kDom0, Access::None}});
        ASSERT_TRUE(store->write("/secret/below", "x"));
    }
    void set(const std::string& path, const Permissions& permissions) {
        ASSERT_TRUE(store->write(path, "v"));
        ASSERT_TRUE(store->set_permissions(path, permissions));
    }
    std::string read(Guest& guest, const std::string& path) { return guest.ask(*store, T::Read, path + '\0'); }
    std::string write(Guest& guest, const std::string& path) { return guest.ask(*store, T::Write, path + "\0v"s); }

    std::unique_ptr<Store> store = make_store();
    Guest one{DomainId{1}};
    Guest two{DomainId{2}};
};

TEST_F(PermissionRules, AccessByEntry) {
    EXPECT_EQ(read(one, "/own"), "v");
    EXPECT_EQ(write(one, "/own"), "OK");
    EXPECT_EQ(read(two, "/own"), "EACCES");
    EXPECT_EQ(read(one, "/readable"), "v");
    EXPECT_EQ(write(one, "/readable"), "EACCES");
    EXPECT_EQ(read(one, "/writable"), "EACCES");
    EXPECT_EQ(write(one, "/writable"), "OK");
    EXPECT_EQ(read(two, "/for2"), "v");
    EXPECT_EQ(write(two, "/for2"), "OK");
    EXPECT_EQ(read(one, "/for2"), "EACCES");
    EXPECT_EQ(read(two, "/not2"), "EACCES");
    EXPECT_EQ(write(one, "/not2"), "OK");
}

TEST_F(PermissionRules, WhatOneMayNotSeeOneIsNotToldOf) {
    EXPECT_EQ(read(one, "/secret/below"), "EACCES");
    EXPECT_EQ(read(one, "/secret/none"), "EACCES");
    EXPECT_EQ(read(one, "/readable/none"), "ENOENT");
    EXPECT_EQ(write(one, "/readable/new"), "EACCES");
    EXPECT_EQ(one.ask(*store, T::Remove, "/secret/none\0"s), "EACCES");
    EXPECT_EQ(one.ask(*store, T::Directory, "/secret\0"s), "EACCES");
    EXPECT_EQ(one.ask(*store, T::Remove, "/readable\0"s), "EACCES");
    EXPECT_EQ(one.ask(*store, T::Remove, "/own\0"s), "OK");
}

TEST_F(PermissionRules, NewNodesInheritAndBelongToTheirCreator) {
    set("/shared", {{kDom0, Access::Write}, {DomainId{2}, Access::Read}});
    EXPECT_EQ(write(one, "/shared/a/b"), "OK");
    EXPECT_EQ(one.call(*store, T::GetPermissions, "/shared/a/b\0"s).payload, "w1\0r2\0"s);
    EXPECT_EQ(*store->permissions("/shared/a"),
              (Permissions{{DomainId{1}, Access::Write}, {DomainId{2}, Access::Read}}));
    EXPECT_EQ(read(two, "/shared/a/b"), "v");
    ASSERT_TRUE(store->write("/own/by0", "v"));
    EXPECT_EQ(store->permissions("/own/by0")->front().domain, DomainId{1});
}

TEST_F(PermissionRules, OnlyOwnersChangePermissionsAndKeepOwnership) {
    EXPECT_EQ(one.ask(*store, T::SetPermissions, strings({"/own", "r1", "b2"})), "OK");
    EXPECT_EQ(write(two, "/own"), "OK");
    EXPECT_EQ(two.ask(*store, T::SetPermissions, strings({"/own", "r2"})), "EACCES");
    EXPECT_EQ(one.ask(*store, T::SetPermissions, strings({"/own", "r2"})), "EPERM");
    EXPECT_EQ(two.ask(*store, T::SetPermissions, strings({"/for2", "r2"})), "EACCES");
    EXPECT_EQ(two.ask(*store, T::GetPermissions, "/secret\0"s), "EACCES");
}

TEST_F(PermissionRules, TargetsLendTheirRights) {
    EXPECT_EQ(read(two, "/own"), "EACCES");
    store->set_target(DomainId{2}, DomainId{1});
    EXPECT_EQ(read(two, "/own"), "v");
    EXPECT_EQ(two.ask(*store, T::SetPermissions, strings({"/own", "r1"})), "OK");
    store->set_target(DomainId{1}, kDom0);
    EXPECT_EQ(read(one, "/secret"), "EACCES");
    store->release_domain(DomainId{1});
    store->domain_stopped(DomainId{1});
    EXPECT_EQ(store->permissions("/own")->front().domain, kDom0);
}

TEST_F(PermissionRules, AReusedNumberInheritsNothing) {
    EXPECT_EQ(write(one, "/own/data"), "OK");
    EXPECT_EQ(store->statistics(DomainId{1})->nodes, 2u);
    store->release_domain(DomainId{1});
    Guest again{DomainId{1}};
    again.introduce(*store);
    EXPECT_EQ(read(again, "/own"), "EACCES");
    EXPECT_EQ(read(again, "/own/data"), "EACCES");
    store->release_domain(DomainId{2});
    Guest second{DomainId{2}};
    second.introduce(*store);
    EXPECT_EQ(read(second, "/for2"), "EACCES");
    EXPECT_EQ(*store->permissions("/for2"), (Permissions{{kDom0, Access::None}}));
    EXPECT_EQ(*store->permissions("/own"), (Permissions{{kDom0, Access::None}}));
    EXPECT_EQ(store->statistics(DomainId{1})->nodes, 0u);
    ASSERT_TRUE(store->set_permissions("/own", {{DomainId{1}, Access::None}}));
    EXPECT_EQ(read(again, "/own"), "v");
    EXPECT_EQ(store->statistics(DomainId{1})->nodes, 1u);
    ASSERT_TRUE(store->remove("/own"));
    EXPECT_EQ(store->statistics(DomainId{1})->nodes, 0u);
}

TEST_F(PermissionRules, NodesAreCountedByOwner) {
    const auto nodes = [&](DomainId domain) { return store->statistics(domain)->nodes; };
    EXPECT_EQ(nodes(DomainId{1}), 1u);
    EXPECT_EQ(write(one, "/own/a/b/c"), "OK");
    EXPECT_EQ(nodes(DomainId{1}), 4u);
    ASSERT_TRUE(store->set_permissions("/own/a/b", {{DomainId{2}, Access::None}}));
    EXPECT_EQ(nodes(DomainId{1}), 3u);
    EXPECT_EQ(nodes(DomainId{2}), 1u);
    const auto total = store->statistics().nodes;
    ASSERT_TRUE(store->remove("/own"));
    EXPECT_EQ(nodes(DomainId{1}), 0u);
    EXPECT_EQ(nodes(DomainId{2}), 0u);
    EXPECT_EQ(store->statistics().nodes, total - 4);
}

TEST(PermissionText, ParsesWhatItFormats) {
    for (const char* text : {"n0", "r1", "w65535", "b32752"})
        EXPECT_EQ(format_permission(*parse_permission(text)), text);
    for (const char* text : {"", "r", "x1", "r-1", "r1x", "r65536", "R1", "r 1"})
        EXPECT_FALSE(parse_permission(text)) << text;
}

}  // namespace
}  // namespace hvctld::store::test
