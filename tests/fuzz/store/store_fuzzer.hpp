// The store's protocol as fuzzers and the replay of their corpus drive it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hvctld::store::fuzz {

// Takes `data` as a script of what Dom0's kernel and two guests do to their rings: messages, raw bytes, wild indexes,
// reconnects. Aborts if the store's books do not add up afterwards.
void run_protocol_script(const std::uint8_t* data, std::size_t size);

// Takes `data` as the records of a journal frame.
void run_journal_records(const std::uint8_t* data, std::size_t size);

}  // namespace hvctld::store::fuzz
