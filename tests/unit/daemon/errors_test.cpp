#include "base/errors.hpp"

#include <gtest/gtest.h>

#include <set>

namespace hvctld {
namespace {

TEST(Errors, TableIsOrderedAndComplete) {
    std::set<std::string_view> names;
    unsigned before = 0;
    for (const ErrorEntry& entry : error_table()) {
        EXPECT_GT(static_cast<unsigned>(entry.id), before);
        before = static_cast<unsigned>(entry.id);
        EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
        EXPECT_TRUE(entry.meaning.ends_with(".")) << entry.name;
    }
    // The last number of the enumeration: a new error must be put into the table, too.
    EXPECT_EQ(before, static_cast<unsigned>(ErrorId::HookFailed));
    EXPECT_EQ(error_table().size(), 55u);
}

TEST(Errors, TextHasTheCode) {
    EXPECT_EQ((Error{ErrorId::Busy, "later"}.within("web1").text()), "HV-E0204: web1: later");
    EXPECT_EQ(entry_of(ErrorId::Busy).name, "Busy");
}

TEST(Errors, LibraryErrorsKeepTheirMeaning) {
    const Error error{hvctl::Error{hvctl::ErrorCode::WrongArchitecture, "for ARM"}};
    EXPECT_EQ(error.id(), ErrorId::WrongArchitecture);
    EXPECT_EQ(error.message(), "for ARM");
}

}  // namespace
}  // namespace hvctld
