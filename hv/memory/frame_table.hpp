// Where the frame table and the machine-to-physical table are, and which parts of them exist.
#pragma once

#include <cstdint>

#include "hv/memory/frame.hpp"

namespace hv {

// The tables are populated in chunks of frames; a chunk without RAM has none.
inline constexpr unsigned kChunkShift = 15;  // 128 MiB of RAM, 1 MiB of frame table
inline constexpr std::uint64_t kFramesPerChunk = std::uint64_t{1} << kChunkShift;
inline constexpr std::uint64_t kMaxChunks = 65536;  // 8 TiB

struct FrameTables {
    FrameInfo* frames;          // virtual array over all frame numbers
    std::uint64_t* m2p;         // writable array over all frame numbers
    std::uintptr_t direct_map;  // virtual address of machine address 0
    std::uint64_t max_mfn;
};

// Bring-up: the memory behind the populated chunks is mapped and zeroed.
void set_frame_tables(const FrameTables& tables);
// Marks a chunk as populated; all its frames start as I/O memory.
void populate_chunk(std::uint64_t chunk);

}  // namespace hv
