#include "hv/x86/boot/module_roles.hpp"

namespace hv::x86 {

ModuleRoles assign_modules(std::size_t count, const MicrocodeOptions& options) {
    ModuleRoles roles;
    if (options.module) {
        const long wanted = *options.module < 0 ? static_cast<long>(count) + *options.module : long{*options.module};
        if (wanted > 0 && wanted < static_cast<long>(count)) roles.microcode = static_cast<std::size_t>(wanted);
    }
    for (std::size_t module = 1; module < count && !roles.initrd; ++module)
        if (module != roles.microcode) roles.initrd = module;
    return roles;
}

}  // namespace hv::x86
