// Recognising what is not an x86-64 kernel, for the sake of the message.
#pragma once

#include <cstddef>
#include <span>

#include "hvctl/result.hpp"

namespace hvctl {

// The error for a file that is neither ELF nor bzImage nor compressed.
Error not_a_kernel(std::span<const std::byte> file);

}  // namespace hvctl
