// What several verbs share.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "context.hpp"
#include "job_wait.hpp"
#include "table.hpp"

namespace hvctl::cli {

// Runs `action` for each word (a domain, a file, a job). Every failure is told as it happens and the rest go on; the
// first one's exit code is the verb's.
Result<void> for_each_word(const std::vector<std::string>& words,
                           const std::function<Result<void>(const std::string&)>& action);

// The named domains, or all of them if none is named.
Result<std::vector<Properties>> domains_named(Manager& manager, const std::vector<std::string>& names);

// A domain and its devices of one kind.
struct DomainDevices {
    Properties domain;
    std::vector<Properties> devices;
};
using ListDevices = std::function<Result<std::vector<Properties>>(Manager& manager, const std::string& domain)>;
// Of the named domains, or of all but Dom0, which has the real ones.
Result<std::vector<DomainDevices>> devices_of(Manager& manager, const std::vector<std::string>& names,
                                              const ListDevices& list);
// With `key` for the devices of a domain.
std::string devices_json(const std::vector<DomainDevices>& all, const char* key);

// Of each its name, its id and what it has under `keys`: numbers.
std::string domains_json(const std::vector<Properties>& domains, std::span<const char* const> keys);

// "3", or "-" for a domain that does not run.
std::string domain_id_text(const Properties& domain);

// Waits for the job, or, with `no_wait`, prints its number.
Result<void> follow_job(Context& context, JobId job, bool no_wait, OnInterrupt on_interrupt);

// Tells that the domain runs, or waits paused, and which id it has now.
Result<void> tell_started(Context& context, const std::string& name, bool paused);

// All of it; hvctld bounds it.
Result<std::string> console_log(Manager& manager, const std::string& domain);

Cell state_cell(const std::string& state);
// Of a disk or a network interface.
Cell device_state_cell(const std::string& state);

}  // namespace hvctl::cli
