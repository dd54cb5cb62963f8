// Volumes: disks for guests that hvctld makes, lists, enlarges and erases, in the pools that the host's settings name.
// What may wait for a disk is a job, in threads that are left behind when it is called off.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "domain/context.hpp"
#include "domain/disk_changes.hpp"
#include "domain/domains.hpp"
#include "storage/volume_pool.hpp"

namespace hvctld {

struct VolumePoolView {
    std::string name;
    std::string kind;  // directory, lvm, lvm-thin
    std::string place;
    std::uint64_t bytes = 0;
    std::uint64_t free = 0;
    std::string trouble;  // why it cannot be used; empty: it can
};

struct VolumeView {
    std::string pool;
    std::string name;
    std::string path;
    std::uint64_t bytes = 0;
    std::uint64_t allocated = 0;
    std::vector<std::string> domains;  // whose definition has it
};

struct VolumeList {
    std::vector<VolumePoolView> pools;
    std::vector<VolumeView> volumes;
};

class Volumes {
  public:
    Volumes(Context& context, Domains& domains, DiskChanges& disks);

    // Erases what processes before this one have left.
    void sweep();

    using Answer = std::function<void(const Result<VolumeList>&)>;
    // Of one pool, or of all: ""; a pool that cannot be read is listed with its trouble.
    void list(const std::string& pool, const Answer& answer);
    // Each of a volume, "POOL/NAME" or "NAME" of the first pool, for the user who is named in the audit.
    Result<JobId> create(const std::string& volume, std::uint64_t bytes, uid_t user);
    // With the content of an image: an absolute path, in one of config::kImageFormats.
    Result<JobId> import(const std::string& volume, const std::string& file, const std::string& format, uid_t user);
    // Of a guest that runs where that is possible: WrongState otherwise.
    Result<JobId> resize(const std::string& volume, std::uint64_t bytes, uid_t user);
    // ImageBusy where a domain has it, or its definition names it.
    Result<JobId> remove(const std::string& volume, uid_t user);

  private:
    struct Task;
    using SharedTask = std::shared_ptr<Task>;

    Result<SharedTask> begin(const std::string& volume, uid_t user);
    Job& add_job(const SharedTask& task, Verb verb);
    void add_making(Job& job, const SharedTask& task);
    void add_naming(Job& job, const SharedTask& task, const std::string& done);
    Step apart(const SharedTask& task, std::function<Result<void>(Task&)> work);
    // No program in Dom0 and no guest has it, and none gets it before the job has ended.
    Step claim_volume(const SharedTask& task);
    Step claim_image(const SharedTask& task, const std::string& file, bool raw);
    static Result<void> wait_unused_in_dom0(Task& task, bool read_only);
    Result<void> take_claim(Job& job, const SharedTask& task, const config::DiskDefinition& disk, const ImageId& id);
    [[nodiscard]] std::vector<std::string> users_of(const std::string& volume, const std::string& path) const;
    Result<void> require_unnamed(const Task& task) const;
    Result<JobId> resize_of_guest(const SharedTask& task, std::uint64_t bytes, const ImageClaim& claim);

    Context& context_;
    Domains& domains_;
    DiskChanges& disks_;
    std::map<std::string, std::shared_ptr<VolumePool>> pools_;
    std::map<std::string, std::weak_ptr<Task>> tasks_;  // by volume; also those of threads that were left behind
};

}  // namespace hvctld
