#include "hvctl/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "hvctl/hypercall.hpp"
#include "hvctl/try.hpp"

namespace hvctl::test {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
    if (good) return std::make_unique<int>(42);
    return fail(ErrorCode::Busy, "taken");
}

Result<void> check(bool good) {
    TRY(make(good));
    return {};
}

Result<int> use(bool good) {
    TRY(check(true));
    const std::unique_ptr<int> value = TRY(make(TRY(make(good)) != nullptr));
    return *value;
}

TEST(Result, TryPassesValuesAndErrors) {
    EXPECT_EQ(*use(true), 42);
    const auto failed = use(false);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), ErrorCode::Busy);
}

TEST(Result, ContextGoesInFront) {
    const auto failed = within("outer", within("inner", check(false)));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().what(), "outer: inner: taken");
    EXPECT_TRUE(within("outer", check(true)));
}

TEST(Result, ErrorsOfTheSystemKeepTheirNumber) {
    const Error error = Error::from_errno(ENOENT, "cannot open x");
    EXPECT_EQ(error.code(), ErrorCode::NotFound);
    EXPECT_EQ(error.error_number(), ENOENT);
    EXPECT_EQ(error.what(), "cannot open x: No such file or directory");
}

TEST(Result, ImpossibleHypercallResultsAreErrorsAllTheSame) {
    EXPECT_EQ(hypercall_error(-100'000, "x").code(), ErrorCode::Io);
    EXPECT_EQ(hypercall_error(5, "x").code(), ErrorCode::Io);
}

TEST(HypercallPort, SaysWhenThereIsNoHypervisor) {
    if (std::filesystem::exists("/sys/hypervisor/type")) GTEST_SKIP() << "this machine runs on a hypervisor";
    const auto port = open_hypercall_port();
    ASSERT_FALSE(port);
    EXPECT_EQ(port.error().code(), ErrorCode::NotOnHv);
    EXPECT_TRUE(port.error().what().contains("does not run on hv")) << port.error().what();
}

}  // namespace
}  // namespace hvctl::test
