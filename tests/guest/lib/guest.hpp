// What every test kernel is made of. A test's main.cpp includes this and defines test_main(); it ends with its return.
#pragma once

#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/verdict.hpp"

namespace guest {

extern const char* const test_name;

void test_main();
// What a domain built by domu.hpp runs. `role` is what its builder gave it and never 0. Its return is a poweroff.
void domu_main(u64 role);

StartInfo& start_info();
SharedInfo& shared_info();
u64 role();    // 0 in Dom0
bool on_hv();  // the control hypercall is there; else this is another hypervisor

}  // namespace guest
