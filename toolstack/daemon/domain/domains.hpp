// The set of domains: owns them, finds them by what a caller calls them, and tells of their changes. Decides nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "domain/context.hpp"
#include "domain/domain.hpp"
#include "domain/domain_view.hpp"

namespace hvctld {

class Domains {
  public:
    explicit Domains(Context& context) : context_{context} {}
    Domains(const Domains&) = delete;
    Domains& operator=(const Domains&) = delete;

    // By name, identifier or UUID. NoSuchDomain; IsDom0 for Dom0, which cannot be started or ended.
    Result<Domain*> find(const std::string& text);
    // WrongState for one that hv does not have.
    Result<Domain*> find_running(const std::string& text);
    // By name alone; null: none.
    Domain* named(std::string_view name);
    // In the order of their names. They may leave while the list is used: look again by name after what may drop one.
    [[nodiscard]] std::vector<Domain*> all();

    // A new one, with its devices. The name in its record must be free.
    Domain& insert(std::unique_ptr<Domain> domain);
    // Another name, which must be free: here, in the registry and in what devices have claimed.
    void rename(Domain& domain, const std::string& name);
    // Forgets it; its console log stays on disk, and clients that read it read on.
    void drop(const std::string& name);
    // Consoles of domains that are gone, whose readers are, too.
    void release_consoles();

    // What the registry's file does not take now it takes later: see registry.hpp.
    void save(const Domain& domain) { (void)context_.registry.save(domain.record); }
    // The same when its definition has changed.
    void save_definition(Domain& domain);
    // Nothing of it is in hv any more. `reason` None: as it was.
    void stopped(Domain& domain, EndReason reason);

    Result<std::vector<DomainView>> list();
    Result<DomainView> get(const std::string& text);
    void changed(const Domain& domain);

    std::function<void(const DomainView&)> on_changed;
    // Not listed any more.
    std::function<void(const std::string& name, const std::string& uuid)> on_forgotten;

  private:
    Context& context_;
    std::map<std::string, std::unique_ptr<Domain>, std::less<>> domains_;
    std::vector<std::unique_ptr<Console>> leaving_consoles_;  // of dropped domains, until their clients have read all
};

}  // namespace hvctld
