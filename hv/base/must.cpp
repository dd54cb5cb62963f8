// Out of line, so that each MUST() is one comparison and a call that is almost never made.
#include "hv/base/log.hpp"

namespace hv {

void must_failed(const char* why, Error error) {
    panic("cannot fail but did ({}): error {}", why, error);
}

}  // namespace hv
