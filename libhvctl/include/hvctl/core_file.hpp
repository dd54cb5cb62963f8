// A guest's memory and registers as a file: what is where in it. Pure: reads no guest and writes no file.
//
// It is the core file of Xen's tools (docs/misc/dump-core-format.txt there): an ELF64 core whose sections have the
// registers (.xen_prstatus), the shared page (.xen_shared_info), which frame is which (.xen_p2m) and all frames
// (.xen_pages). crash reads these, and takes a file with more than one program header for another format. gdb reads
// program headers only. So there is one, of notes: the registers as a Linux process's core has them, and the guest's
// mapped addresses as parts of a mapped file (NT_FILE), which is this file itself by its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hvctl/control.hpp"

namespace hvctl {

// A range of the guest's addresses and the frames that it maps, one after the other.
struct CoreMapping {
    std::uint64_t address = 0;
    std::uint64_t pages = 0;
    std::uint64_t first = 0;  // index in CoreContents::frames
};
inline constexpr std::size_t kMostCoreMappings = 65'536;

// All of a core but the frames' contents.
struct CoreContents {
    std::string file_name;               // the file's own, without folders
    std::vector<OwnedFrame> frames;      // in the order of their pages in the file
    std::vector<std::byte> contexts;     // of the vCPUs: Xen's vcpu_guest_context, one after the other
    std::vector<std::byte> shared_info;  // a page; empty: not known
    std::vector<std::byte> hypervisor;   // what Xen's version call says, as the format's note has it
    std::vector<CoreMapping> mappings;   // at most kMostCoreMappings
};

struct CoreLayout {
    std::vector<std::byte> head;  // the file's first bytes
    std::uint64_t frames_at = 0;  // where CoreContents::frames are, as they are in memory
    std::uint64_t pages_at = 0;   // where the pages begin
    std::uint64_t size = 0;       // of the whole file
};
CoreLayout plan_core(const CoreContents& contents);

}  // namespace hvctl
