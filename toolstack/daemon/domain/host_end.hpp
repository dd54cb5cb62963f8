// Ending every guest because the host goes down: all are asked side by side, and what is left after a time is
// destroyed. Until the job has ended nothing starts, whatever a definition's on_... says.
#pragma once

#include <memory>
#include <optional>

#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/requests.hpp"
#include "domain/work.hpp"

namespace hvctld {

class HostEnd {
  public:
    HostEnd(Context& context, Domains& domains, Work& work, Requests& requests)
        : context_{context}, domains_{domains}, work_{work}, requests_{requests} {}

    // `timeout_seconds` nothing: as the host's settings say.
    Result<JobId> begin(std::optional<std::uint32_t> timeout_seconds);
    // The previous process's job goes on.
    void resume(JobRecord record);

  private:
    struct Round;
    JobQueue::Finished finished();
    void run(Job& job);
    void look(Job& job, const std::shared_ptr<Round>& round, const Done& done);
    void push(Domain& domain, Round& round, std::uint64_t left_us);

    Context& context_;
    Domains& domains_;
    Work& work_;
    Requests& requests_;
};

}  // namespace hvctld
