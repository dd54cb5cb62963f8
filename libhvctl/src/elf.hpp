// ELF64 files of x86-64, as far as a kernel loader needs them.
#pragma once

#include <cstddef>
#include <span>

#include "hvctl/kernel_image.hpp"

namespace hvctl {

bool is_elf(std::span<const std::byte> file);

// Fills in segments, elf_entry and notes of an image whose `elf` is `file`; the rest is left alone.
Result<void> parse_elf(std::span<const std::byte> file, KernelImage& image);

}  // namespace hvctl
