// Guests' memory and registers in core files: because an administrator asks for one, or because the definition wants
// one of a run that has ended, before it is taken down.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/tear_down.hpp"
#include "domain/work.hpp"

namespace hvctld {

struct CoreDumpOptions {
    bool live = false;   // the guest goes on while its memory is written
    bool crash = false;  // the domain is destroyed afterwards
};

class CoreDumps {
  public:
    CoreDumps(Context& context, Domains& domains, Work& work, TearDown& tear_down)
        : context_{context}, domains_{domains}, work_{work}, tear_down_{tear_down} {}

    // `path` empty: a file of its own in the host's folder of dumps. The job and the file that it will make.
    Result<std::pair<JobId, std::string>> dump(const std::string& domain, const std::string& path,
                                               const CoreDumpOptions& options);
    // Before a run that has ended is taken down. What goes wrong is logged, and the job goes on.
    void add_phases(Job& job, Domain& domain);
    // A dump that the previous process did not end: the guest that it had stopped goes on.
    void let_go(const Domain& domain, bool was_paused);

    static constexpr std::size_t kKept = 3;  // in the folder of dumps, of each domain

  private:
    struct Dump;
    using SharedDump = std::shared_ptr<Dump>;
    // The percents of the job between which it is.
    struct Share {
        std::uint32_t first, last;
    };

    [[nodiscard]] std::string fresh_path(const Domain& domain) const;
    Step open(const SharedDump& dump);
    Step collect(const SharedDump& dump);
    Step write(const SharedDump& dump, Share share);
    Result<void> stop_guest(Job& job, const Domain& domain);
    void end(Job& job, Domain& domain, const CoreDumpOptions& options);

    Context& context_;
    Domains& domains_;
    Work& work_;
    TearDown& tear_down_;
};

}  // namespace hvctld
