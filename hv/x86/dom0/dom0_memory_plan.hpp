// How much memory Dom0 starts with, and how far it may grow: dom0_mem= of hv-command-line(7).
#pragma once

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/dom0/dom0_layout.hpp"
#include "hv/x86/dom0/kernel_image.hpp"

namespace hv::x86 {

struct Dom0MemoryPlan {
    enum class Remark : std::uint8_t {
        AsAsked,
        Cut,       // the machine has less than `asked`
        TooLittle  // `asked` is not enough to start: the default instead
    };
    std::uint64_t frames;      // to start with
    std::uint64_t max_frames;  // at least `frames`
    std::uint64_t asked;       // frames that the options ask for
    Remark remark;
};

// What Dom0's kernel, its initial RAM disk and what that unpacks to take at least, in frames. `available`: frames of
// the machine. Error::NoMemory when not even that much is enough to lay them out.
Result<std::uint64_t> dom0_frames_needed(const KernelImage& kernel, std::uint64_t initrd_bytes,
                                         std::uint64_t available);

// `available`: frames that are free. Error::NoMemory when the machine has less than `needed` for Dom0.
Result<Dom0MemoryPlan> plan_dom0_memory(const Dom0MemoryOptions& options, std::uint64_t available,
                                        std::uint64_t needed);

}  // namespace hv::x86
