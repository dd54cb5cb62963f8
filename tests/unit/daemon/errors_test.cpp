#include "base/errors.hpp"

#include <gtest/gtest.h>

namespace hvctld {
namespace {

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
