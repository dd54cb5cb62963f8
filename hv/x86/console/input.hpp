// Where typed characters go: to Dom0, or to hv's debug keys.
#pragma once

namespace hv::x86 {

void handle_typed_character(char character);

}  // namespace hv::x86
