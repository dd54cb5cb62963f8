// A second domain, built by a test in Dom0 from a copy of its own image: same code, own memory, own role. Needs hv's
// control hypercall.
#pragma once

#include "hv/abi/control/domain.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/text.hpp"

namespace guest {

struct DomU {
    u16 id;
    u64 pages;
    u64 frames;  // address of u64[pages] in this kernel: the domain's frames by pfn
};

struct DomUOptions {
    u64 role = 1;
    u64 pages = 512;  // at most 512: one L1 table maps them all
    u32 vcpus = 1;
};

// Ends the test when a step fails. The domain is paused.
DomU build_domu(const DomUOptions& options = {});
void unpause_domu(const DomU& domain);
// Waits for the domain's end and checks its reason and that the domain reported no failure of its own.
void expect_end(const DomU& domain, hv::abi::control::ShutdownReason reason);
hv::abi::control::DomainInfo domu_info(const DomU& domain);
// Repeats while hv says -EAGAIN. 0 when the domain is gone, also when it went by itself after its last reference.
long destroy_domu(const DomU& domain);
void run_domu(u64 role, hv::abi::control::ShutdownReason reason);  // build, unpause, expect_end, destroy

// The machine frame of the domain's page that is at `address` in this kernel too: an object of the image.
u64 domu_frame(const DomU& domain, const volatile void* address);
// Copies the domain's instance of an object of the image.
void read_domu(const DomU& domain, const void* its_address, void* to, u64 size);
template <class T>
T read_domu(const DomU& domain, const T& object) {
    T copy;
    read_domu(domain, &object, &copy, sizeof(T));
    return copy;
}
template <class T>
void write_domu(const DomU& domain, T& object, const T& value);
void write_domu_bytes(const DomU& domain, const void* its_address, const void* from, u64 size);
template <class T>
void write_domu(const DomU& domain, T& object, const T& value) {
    write_domu_bytes(domain, &object, &value, sizeof(T));
}

// In the domain: keeps the first failure where expect_end() finds it.
void report_failure(const Text& why);

}  // namespace guest
