// CPUs that work at the same time, one step of one of them after the other, as a test says.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace fake {

// Runs all of `jobs` to their ends, each on a thread (so a CPU) of its own, but only one at any moment: at each point
// where CPUs meet (locks, pauses, looks at what is urgent, TLB flushes) another one may go on. `change` says whether,
// and `choose` gives any number by which it is chosen. The same answers give the same order.
void interleave(std::vector<std::function<void()>> jobs, std::function<bool()> change,
                std::function<unsigned()> choose);

// At such a point. `waits`: this CPU cannot go on by itself.
void meeting_point(bool waits);

}  // namespace fake
