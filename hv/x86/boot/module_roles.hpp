// Which boot module is what: the first is Dom0's kernel, and the next that is nothing else its initrd.
#pragma once

#include <cstddef>
#include <optional>

namespace hv::x86 {

// ucode=: a module by its number, negative ones from the end; or whichever holds an archive with microcode in it.
struct MicrocodeOptions {
    std::optional<int> module;
    bool scan = false;
};

struct ModuleRoles {
    std::optional<std::size_t> initrd, microcode;
};

// Of `count` modules. No microcode: none was asked for by number, or there is no such module, or it is the kernel.
ModuleRoles assign_modules(std::size_t count, const MicrocodeOptions& options);

}  // namespace hv::x86
