// The processor under hv's page-table code. TLBs hold nothing here, but the clock of their flushes runs as it should,
// and a test can do what another CPU might just then.
#pragma once

#include <cstdint>
#include <functional>

#include "hv/x86/pv/mmu/table_measures.hpp"

namespace fake {

// Once, the next time: right after the TLB clock was read, right after stale TLBs were flushed, right after a frame was
// flushed from the caches.
void when_clock_is_read(std::function<void()> hook);
void when_flushed(std::function<void()> hook);
void when_cache_flushed(std::function<void()> hook);
void advance_clock();  // all CPUs flush
// What domains that are made from now on are guarded against.
void guard_tables(hv::x86::TableMeasures measures);
std::uint32_t last_flush_stamp();  // what the last flush of stale TLBs was asked for, also when there were none
std::uint64_t flushes();           // of stale TLBs, for which the caller waited

}  // namespace fake
