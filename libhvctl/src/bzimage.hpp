// Linux's x86 boot image (Documentation/arch/x86/boot.rst): a setup header and, inside, the kernel proper.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "hvctl/result.hpp"

namespace hvctl {

struct BzImagePayload {
    std::span<const std::byte> data;           // compressed, or an ELF file as it is
    std::optional<std::uint64_t> output_size;  // of the decompressed kernel, as its build noted it
    std::string version;                       // "bzImage 2.15"
};

bool is_bzimage(std::span<const std::byte> file);

Result<BzImagePayload> find_payload(std::span<const std::byte> file);

}  // namespace hvctl
