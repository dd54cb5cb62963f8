#include "hv/domain/guest_log.hpp"

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"

namespace hv {
namespace {

bool printable(char character) {
    return (character >= ' ' && character < 0x7f) || character == '\t';
}

}  // namespace

void guest_log_append(Domain& domain, std::string_view text) {
    Guard guard{domain.log_lock};
    for (const char character : text) {
        if (character == '\n' || domain.log_length == sizeof domain.log_line) {
            log(LogLevel::GuestDebug, "d{}: {}", domain.id, std::string_view{domain.log_line, domain.log_length});
            domain.log_length = 0;
        }
        if (printable(character)) domain.log_line[domain.log_length++] = character;
    }
}

}  // namespace hv
