// A test's one verdict line, and the checks that lead to it. EXPECT_* notes a failure and goes on, REQUIRE_* ends the
// test.
#pragma once

#include "tests/guest/lib/text.hpp"

namespace guest {

[[noreturn]] void shut_down(ShutdownReason reason);
void note_failure(const Text& why);       // printed at once; the first one is repeated in the verdict
[[noreturn]] void give_verdict();         // PASS, or FAIL with the first failure
[[noreturn]] void skip(const char* why);  // what the running hypervisor cannot do at all

template <class Actual, class Expected>
bool check_equal(const char* where, const char* what, Actual actual, Expected expected) {
    const bool equal = static_cast<std::int64_t>(actual) == static_cast<std::int64_t>(expected);
    if (!equal)
        note_failure(Text{}.add(where, ": ", what, " is ", static_cast<std::int64_t>(actual), ", wanted ",
                                static_cast<std::int64_t>(expected)));
    return equal;
}

inline bool check_true(const char* where, const char* what, bool value) {
    if (!value) note_failure(Text{}.add(where, ": ", what));
    return value;
}

}  // namespace guest

#define GUEST_STRING_(x) #x
#define GUEST_STRING(x) GUEST_STRING_(x)
#define GUEST_WHERE "line " GUEST_STRING(__LINE__)
#define EXPECT_EQ(actual, expected) ::guest::check_equal(GUEST_WHERE, #actual, (actual), (expected))
#define EXPECT_TRUE(condition) ::guest::check_true(GUEST_WHERE, #condition, (condition))
#define REQUIRE_EQ(actual, expected) \
    if (!EXPECT_EQ(actual, expected)) ::guest::give_verdict()
#define REQUIRE_TRUE(condition) \
    if (!EXPECT_TRUE(condition)) ::guest::give_verdict()
