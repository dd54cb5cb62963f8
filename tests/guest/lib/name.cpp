// Compiled once per test with its name.
#include "tests/guest/lib/guest.hpp"

namespace guest {

const char* const test_name = GUEST_TEST_NAME;

}  // namespace guest
