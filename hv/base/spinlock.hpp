// Spinlocks with ranks. hv runs with interrupts off from entry to exit (only guests and the idle loop run with them
// on), so a lock never has to say what happens to interrupts. While it waits, a CPU keeps answering other CPUs'
// requests (spin_pause), so that a holder may wait for a TLB flush everywhere.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/base/types.hpp"

namespace hv {

// Take low to high: a lock may only be taken while every lock held has a lower rank. Checked in debug builds.
enum class LockRank : std::uint8_t {
    DomainList = 1,
    Domain,      // life cycle and vCPU state of one domain
    PageTables,  // one domain's page-table updates
    GrantTable,
    EventTable,  // allocation of ports
    EventPort,   // one port
    EventQueue,  // one vCPU's FIFO event queues
    Maptrack,
    DomainFrames,  // one domain's list of frames
    Interrupts,    // physical interrupt routing
    FrameHeap,     // the frame allocator
    RunQueue,
    Timers,
    Leaf,     // holds nothing else while held
    Console,  // logging is allowed under every other lock
};

// Seams: implemented by x86/ for the machine and by the tests for the host.
void spin_pause();
void lock_taken(LockRank rank, const void* lock);  // debug builds: checks the order
void lock_released(LockRank rank, const void* lock);

class Spinlock {
  public:
    explicit constexpr Spinlock(LockRank rank) : rank_{rank} {}
    Spinlock(const Spinlock&) = delete;
    Spinlock& operator=(const Spinlock&) = delete;

    void lock() {
        check_taken();
        const std::uint32_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
        while (serving_.load(std::memory_order_acquire) != ticket) spin_pause();
    }
    bool try_lock() {
        std::uint32_t serving = serving_.load(std::memory_order_relaxed);
        if (!next_.compare_exchange_strong(serving, serving + 1, std::memory_order_acquire)) return false;
        check_taken();
        return true;
    }
    void unlock() {
        check_released();
        serving_.store(serving_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

  private:
    void check_taken() const {
#ifndef NDEBUG
        lock_taken(rank_, this);
#endif
    }
    void check_released() const {
#ifndef NDEBUG
        lock_released(rank_, this);
#endif
    }

    std::atomic<std::uint32_t> next_{0};
    std::atomic<std::uint32_t> serving_{0};
    [[maybe_unused]] LockRank rank_;
};

class [[nodiscard]] Guard {
  public:
    explicit Guard(Spinlock& lock) : lock_{lock} { lock_.lock(); }
    ~Guard() { lock_.unlock(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

  private:
    Spinlock& lock_;
};

// Two locks of the same rank, taken in address order; one lock when both are the same.
class [[nodiscard]] PairGuard {
  public:
    PairGuard(Spinlock& a, Spinlock& b) : first_{&a < &b ? a : b}, second_{&a < &b ? b : a} {
        first_.lock();
        if (&first_ != &second_) second_.lock();
    }
    ~PairGuard() {
        if (&first_ != &second_) second_.unlock();
        first_.unlock();
    }
    PairGuard(const PairGuard&) = delete;
    PairGuard& operator=(const PairGuard&) = delete;

  private:
    Spinlock& first_;
    Spinlock& second_;
};

}  // namespace hv
