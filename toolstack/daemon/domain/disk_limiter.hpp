// Keeps the limits of guests' disks: a limit is one for all disks of a guest, and Dom0's kernel knows it of each alone,
// so that it is divided anew again and again, as the guest uses them.
#pragma once

#include <memory>
#include <string>

#include "domain/context.hpp"
#include "domain/domains.hpp"

namespace hvctld {

class DiskLimiter {
  public:
    DiskLimiter(Context& context, Domains& domains) : context_{context}, domains_{domains}, timer_{context.loop} {}
    DiskLimiter(const DiskLimiter&) = delete;
    DiskLimiter& operator=(const DiskLimiter&) = delete;

    // From here on limits are kept.
    void begin();
    // `change` is a map with some of the keys iops, bandwidth and burst: all of them are changed, or none. A guest that
    // runs has it at once. Of `domain`, which may be changed now.
    Result<void> change(Domain& domain, const std::string& change);

  private:
    void look();
    void took_up(const std::string& path);
    void limit_newcomers();
    void looked(const Result<bool>& kept);

    Context& context_;
    Domains& domains_;
    Timer timer_;
    Timer newcomers_{context_.loop};
    unsigned newcomer_looks_ = 0;
    bool looking_ = false;
    bool more_ = true;  // what a process before this one has left is to be taken away
    bool in_trouble_ = false;
};

}  // namespace hvctld
