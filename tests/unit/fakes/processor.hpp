// The processor under hv's page-table code. TLBs hold nothing here, but the clock of their flushes runs as it should,
// and a test can do what another CPU might just then.
#pragma once

#include <cstdint>
#include <functional>

namespace fake {

// Once, the next time: right after the TLB clock was read, right after stale TLBs were flushed, right after a frame was
// flushed from the caches.
void when_clock_is_read(std::function<void()> hook);
void when_flushed(std::function<void()> hook);
void when_cache_flushed(std::function<void()> hook);
void advance_clock();              // all CPUs flush
std::uint32_t last_flush_stamp();  // what the last flush of stale TLBs was asked for, also when there were none

}  // namespace fake
