#include "hv/base/build_info.hpp"

#include "hv/base/version.hpp"

namespace hv {
namespace {

constinit BuildInfo g_info{
    .id = kHvVersion,
    .compiler = "g++ " __VERSION__,
    .date = "",
    .command_line = "",
};

}  // namespace

const BuildInfo& build_info() {
    return g_info;
}

void set_command_line(std::string_view text) {
    g_info.command_line = text;
}

}  // namespace hv
