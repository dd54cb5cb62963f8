// Definitions: checking them, putting them in force, and going back to the one before.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "domain/check_definition.hpp"
#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/starts.hpp"
#include "domain/work.hpp"

namespace hvctld {

struct CreateOptions {
    bool paused = false;
    bool ephemeral = false;
    bool patient = false;  // as of StartOptions
};

struct DefinitionView {
    std::string definition;           // normalised JSON
    std::vector<Revision> revisions;  // that have made the domain run, newest first
};

class Definitions {
  public:
    Definitions(Context& context, Domains& domains, Work& work, Starts& starts)
        : context_{context}, domains_{domains}, work_{work}, starts_{starts} {}

    using ValidationAnswer = std::function<void(const Result<Validation>&)>;
    // See Manager.
    void validate(const std::string& text, const std::string& source, std::span<const std::string> overrides,
                  bool against_host, const ValidationAnswer& answer);
    Result<JobId> create(const std::string& text, const std::string& source, std::span<const std::string> overrides,
                         const CreateOptions& options);
    Result<DefinitionView> view(const std::string& domain);
    Result<void> forget(const std::string& domain);

    // Of a stopped domain: a draft that made no guest run goes back to what was before, and an ephemeral domain goes.
    void let_go(Domain& domain);

  private:
    Result<Domain*> draft(config::DomainDefinition definition, const std::string& source, bool ephemeral);
    void fall_back(Domain& domain);

    Context& context_;
    Domains& domains_;
    Work& work_;
    Starts& starts_;
};

}  // namespace hvctld
