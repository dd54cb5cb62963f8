// CPUs for the tests: a thread each. Some sleep until an interrupt comes, others wait for something in hv and find
// requests by themselves. Interrupts take as long as a test says, and the first ones can be lost.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "hv/machine/cpus.hpp"

namespace cpus {

enum class Others { Sleep, Spin };

// Has CPU 0 do `work` on a machine of `count` CPUs.
void run(unsigned count, Others others, const std::function<void()>& work);

void lose_interrupts(unsigned count);                 // the next ones
void delay_interrupts(std::chrono::milliseconds by);  // each, while its sender waits
bool sending();                                       // a CPU is sending one
std::vector<std::string> log();                       // lines so far

}  // namespace cpus
