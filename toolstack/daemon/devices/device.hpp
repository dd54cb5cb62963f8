// What Dom0 does for one guest besides memory and CPUs: its end of a ring, and what that ring gives access to. A domain
// has a list of devices; each contributes to a start and an end in its place, and knows nothing of the others.
#pragma once

#include "domain/job.hpp"

namespace hvctld {

class Device {
  public:
    Device() = default;
    virtual ~Device() = default;
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    // Part of the start's first phase, before anything is made in hv: whether the guest can have it, and what takes
    // time. `anew`: an administrator starts the guest, it does not start again by itself.
    virtual Step prepare(bool anew) = 0;
    // hv has the guest, which has not run: afterwards it finds what it will look for.
    virtual Phase publish() = 0;
    // What became of the start that prepare() belongs to.
    virtual void started() {}
    virtual void abandoned() {}
    // The guest is paused, or gone: nothing of the device is left afterwards. Also where nothing was published.
    virtual void unplug() = 0;
    // hv has nothing of the guest any more, or never had: what it may still have been using until now is free.
    virtual void freed() {}
    // The guest runs, and the process before this one had published the device: serves it again.
    virtual Result<void> recover() = 0;
};

}  // namespace hvctld
