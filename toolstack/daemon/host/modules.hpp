// Dom0's side of the house: the kernel modules and the file system that a toolstack needs.
#pragma once

#include <string>

#include "base/errors.hpp"

namespace hvctld::host {

// Loads the Xen modules that this kernel has and that are not built in. A module that the kernel was built without is
// no error here: what needs its device says so. Used beside modules-load.d, for daemons that are started by hand.
Result<void> load_modules();

// Mounts xenfs on /proc/xen unless it is there.
Result<void> mount_xenfs();

// "xen" runs this kernel and it is privileged: what can be known before any device is opened.
bool runs_as_dom0();

// /proc/sys/kernel/random/boot_id
std::string boot_id();
// The host, over reboots (machine-id(5)); empty when it has none.
std::string machine_id();

}  // namespace hvctld::host
