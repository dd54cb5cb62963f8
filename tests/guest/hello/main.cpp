// Promised: hv boots an ELF64 PV kernel as Dom0, its hypercall page works and its console reaches the serial line.
// Exercised: entry, hypercall page, console_io, xen_version, shutdown.
// A pass means: a test kernel lives long enough to say so.
#include "tests/guest/lib/guest.hpp"

void guest::test_main() {
    EXPECT_TRUE(xen_version(VersionCommand::Version, nullptr) >= 0x40000);
    EXPECT_EQ(xen_version(VersionCommand::Pagesize, nullptr), 4096);
}
