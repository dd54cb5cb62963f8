// Where this hv comes from and how it was started. Filled in at bring-up.
#pragma once

#include <string_view>

namespace hv {

struct BuildInfo {
    std::string_view id;  // bytes of the build id
    std::string_view compiler;
    std::string_view date;
    std::string_view command_line;
};
const BuildInfo& build_info();
void set_command_line(std::string_view text);  // kept by reference

}  // namespace hv
