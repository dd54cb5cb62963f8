// Other names for domains, whether they run or not.
//
// The registry takes the new name first, with a note of it; what lies under the old name elsewhere follows when that is
// in the file. A process that is killed in between leaves the note to the next one.
#pragma once

#include <string>

#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/work.hpp"

namespace hvctld {

class Renames {
  public:
    Renames(Context& context, Domains& domains, Work& work) : context_{context}, domains_{domains}, work_{work} {}

    Result<void> rename(const std::string& domain, const std::string& name);
    // Busy for a name that a domain has just left, and whose files are still its own.
    static Result<void> require_settled(const Registry& registry, std::string_view name);
    // Of the previous process: before consoles are served, and when it is known what is claimed.
    void recover_files();
    void recover_rest();

  private:
    struct Note {
        std::string before, now;
    };
    [[nodiscard]] Note note() const;
    void set_note(const Note& note);
    [[nodiscard]] Result<void> check(const Domain& domain, const std::string& name);
    void settle(const Note& note);
    void tell_store(const Domain& domain);

    Context& context_;
    Domains& domains_;
    Work& work_;
};

}  // namespace hvctld
