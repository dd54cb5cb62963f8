#include "bus/manager.hpp"

namespace hvctl::cli {
namespace {

// Microseconds that a call may take in which hvctld reads and decompresses a kernel.
constexpr std::uint64_t kFilesAreRead = 300'000'000;

}  // namespace

template <class... Arguments>
Result<Message> Manager::call(const char* member, const char* types, Arguments... arguments) {
    Message message = TRY(connection_.new_call(member));
    if constexpr (sizeof...(arguments) > 0) {
        if (int error = sd_bus_message_append(message.get(), types, arguments...); error < 0) {
            return std::unexpected(failure_of_errno(error));
        }
    }
    return connection_.send(message);
}

Result<JobId> Manager::call_for_job(const char* member, const std::string& domain, const Properties& options) {
    Message message = TRY(connection_.new_call(member));
    int error = sd_bus_message_append(message.get(), "s", domain.c_str());
    if (error >= 0) error = append_properties(message.get(), options);
    if (error < 0) return std::unexpected(failure_of_errno(error));
    Message reply = TRY(connection_.send(message));
    return read_u64(reply.get());
}

Result<Message> Manager::call_with_definition(const char* member, const Definition& definition,
                                              const Properties& options, std::uint64_t timeout) {
    Message message = TRY(connection_.new_call(member));
    int error = sd_bus_message_append(message.get(), "ss", definition.text.c_str(), definition.source.c_str());
    if (error >= 0) error = append_strings(message.get(), definition.overrides);
    if (error >= 0) error = append_properties(message.get(), options);
    if (error < 0) return std::unexpected(failure_of_errno(error));
    return connection_.send(message, timeout);
}

Result<JobId> Manager::create_domain(const Definition& definition, const Properties& options) {
    Message reply = TRY(call_with_definition("CreateDomain", definition, options));
    return read_u64(reply.get());
}

Result<Validated> Manager::validate_domain(const Definition& definition, const Properties& options) {
    Message reply = TRY(call_with_definition("ValidateDomain", definition, options, kFilesAreRead));
    std::string normalised = TRY(read_string(reply.get()));
    return Validated{std::move(normalised), TRY(read_strings(reply.get()))};
}

Result<std::vector<Properties>> Manager::list_domains() {
    Message reply = TRY(call("ListDomains", ""));
    return read_properties_list(reply.get());
}

Result<Properties> Manager::get_domain(const std::string& domain) {
    Message reply = TRY(call("GetDomain", "s", domain.c_str()));
    return read_properties(reply.get());
}

Result<JobId> Manager::start_domain(const std::string& domain, const Properties& options) {
    return call_for_job("StartDomain", domain, options);
}

Result<Remembered> Manager::get_definition(const std::string& domain) {
    Message reply = TRY(call("GetDefinition", "s", domain.c_str()));
    std::string definition = TRY(read_string(reply.get()));
    return Remembered{std::move(definition), TRY(read_properties_list(reply.get()))};
}

Result<void> Manager::forget_domain(const std::string& domain) {
    TRY(call("ForgetDomain", "s", domain.c_str()));
    return {};
}

Result<void> Manager::pause_domain(const std::string& domain) {
    TRY(call("PauseDomain", "s", domain.c_str()));
    return {};
}

Result<void> Manager::unpause_domain(const std::string& domain) {
    TRY(call("UnpauseDomain", "s", domain.c_str()));
    return {};
}

Result<JobId> Manager::stop_all_domains(const Properties& options) {
    Message message = TRY(connection_.new_call("StopAllDomains"));
    if (int error = append_properties(message.get(), options); error < 0)
        return std::unexpected(failure_of_errno(error));
    Message reply = TRY(connection_.send(message));
    return read_u64(reply.get());
}

Result<JobId> Manager::shutdown_domain(const std::string& domain, const Properties& options) {
    return call_for_job("ShutdownDomain", domain, options);
}

Result<JobId> Manager::reboot_domain(const std::string& domain, const Properties& options) {
    return call_for_job("RebootDomain", domain, options);
}

Result<JobId> Manager::destroy_domain(const std::string& domain) {
    Message reply = TRY(call("DestroyDomain", "s", domain.c_str()));
    return read_u64(reply.get());
}

Result<CoreDump> Manager::dump_core(const std::string& domain, const std::string& path, const Properties& options) {
    Message message = TRY(connection_.new_call("DumpCore"));
    int error = sd_bus_message_append(message.get(), "ss", domain.c_str(), path.c_str());
    if (error >= 0) error = append_properties(message.get(), options);
    if (error < 0) return std::unexpected(failure_of_errno(error));
    Message reply = TRY(connection_.send(message));
    const JobId job = TRY(read_u64(reply.get()));
    return CoreDump{job, TRY(read_string(reply.get()))};
}

Result<void> Manager::send_sysrq(const std::string& domain, const std::string& letter) {
    TRY(call("SendSysrq", "ss", domain.c_str(), letter.c_str()));
    return {};
}

Result<void> Manager::rename_domain(const std::string& domain, const std::string& name) {
    TRY(call("RenameDomain", "ss", domain.c_str(), name.c_str()));
    return {};
}

Result<int> Manager::open_console(const std::string& domain, const std::string& mode, std::uint64_t history) {
    Message reply = TRY(call("OpenConsole", "sst", domain.c_str(), mode.c_str(), history));
    return read_descriptor(reply.get());
}

Result<int> Manager::open_console_log(const std::string& domain) {
    Message reply = TRY(call("OpenConsoleLog", "s", domain.c_str()));
    return read_descriptor(reply.get());
}

Result<std::vector<Properties>> Manager::list_vcpus(const std::string& domain) {
    Message reply = TRY(call("ListVcpus", "s", domain.c_str()));
    return read_properties_list(reply.get());
}

Result<void> Manager::pin_vcpu(const std::string& domain, std::int32_t vcpu, const std::string& hard,
                               const std::string& soft) {
    TRY(call("PinVcpu", "siss", domain.c_str(), vcpu, hard.c_str(), soft.c_str()));
    return {};
}

Result<void> Manager::set_vcpus(const std::string& domain, std::uint32_t count) {
    TRY(call("SetVcpus", "su", domain.c_str(), count));
    return {};
}

Result<void> Manager::set_memory(const std::string& domain, std::uint64_t bytes) {
    TRY(call("SetMemory", "st", domain.c_str(), bytes));
    return {};
}

Result<bool> Manager::set_max_memory(const std::string& domain, std::uint64_t bytes) {
    Message reply = TRY(call("SetMaxMemory", "st", domain.c_str(), bytes));
    return read_boolean(reply.get());
}

Result<void> Manager::set_shares(const std::string& domain, const std::string& change) {
    TRY(call("SetShares", "ss", domain.c_str(), change.c_str()));
    return {};
}

Result<void> Manager::set_disk_limits(const std::string& domain, const std::string& change) {
    TRY(call("SetDiskLimits", "ss", domain.c_str(), change.c_str()));
    return {};
}

Result<Usage> Manager::get_usage() {
    Message reply = TRY(call("GetUsage", ""));
    Usage usage;
    usage.host = TRY(read_properties(reply.get()));
    usage.domains = TRY(read_properties_list(reply.get()));
    return usage;
}

Result<std::vector<Properties>> Manager::get_guarantees(const std::string& domain, std::uint64_t since_us,
                                                        std::uint32_t hours) {
    Message reply = TRY(call("GetGuarantees", "stu", domain.c_str(), since_us, hours));
    return read_properties_list(reply.get());
}

Result<std::vector<Properties>> Manager::list_pools() {
    Message reply = TRY(call("ListPools", ""));
    return read_properties_list(reply.get());
}

Result<void> Manager::create_pool(const std::string& pool, const std::string& cpus) {
    TRY(call("CreatePool", "ss", pool.c_str(), cpus.c_str()));
    return {};
}

Result<void> Manager::destroy_pool(const std::string& pool) {
    TRY(call("DestroyPool", "s", pool.c_str()));
    return {};
}

Result<void> Manager::rename_pool(const std::string& pool, const std::string& name) {
    TRY(call("RenamePool", "ss", pool.c_str(), name.c_str()));
    return {};
}

Result<void> Manager::add_pool_cpus(const std::string& pool, const std::string& cpus) {
    TRY(call("AddPoolCpus", "ss", pool.c_str(), cpus.c_str()));
    return {};
}

Result<void> Manager::remove_pool_cpus(const std::string& pool, const std::string& cpus) {
    TRY(call("RemovePoolCpus", "ss", pool.c_str(), cpus.c_str()));
    return {};
}

Result<void> Manager::set_pool(const std::string& domain, const std::string& pool) {
    TRY(call("SetPool", "ss", domain.c_str(), pool.c_str()));
    return {};
}

Result<Volumes> Manager::list_volumes(const std::string& pool) {
    Message reply = TRY(call("ListVolumes", "s", pool.c_str()));
    Volumes all;
    all.pools = TRY(read_properties_list(reply.get()));
    all.volumes = TRY(read_properties_list(reply.get()));
    return all;
}

Result<JobId> Manager::create_volume(const std::string& volume, std::uint64_t bytes) {
    Message reply = TRY(call("CreateVolume", "st", volume.c_str(), bytes));
    return read_u64(reply.get());
}

Result<JobId> Manager::resize_volume(const std::string& volume, std::uint64_t bytes) {
    Message reply = TRY(call("ResizeVolume", "st", volume.c_str(), bytes));
    return read_u64(reply.get());
}

Result<JobId> Manager::delete_volume(const std::string& volume) {
    Message reply = TRY(call("DeleteVolume", "s", volume.c_str()));
    return read_u64(reply.get());
}

Result<JobId> Manager::import_volume(const std::string& volume, const std::string& file, const std::string& format) {
    Message reply = TRY(call("ImportVolume", "sss", volume.c_str(), file.c_str(), format.c_str()));
    return read_u64(reply.get());
}

Result<JobId> Manager::attach_disk(const std::string& domain, const std::string& disk) {
    Message reply = TRY(call("AttachDisk", "ss", domain.c_str(), disk.c_str()));
    return read_u64(reply.get());
}

Result<JobId> Manager::detach_device(const char* method, const std::string& domain, const std::string& device,
                                     const Properties& options) {
    Message message = TRY(connection_.new_call(method));
    int error = sd_bus_message_append(message.get(), "ss", domain.c_str(), device.c_str());
    if (error >= 0) error = append_properties(message.get(), options);
    if (error < 0) return std::unexpected(failure_of_errno(error));
    Message reply = TRY(connection_.send(message));
    return read_u64(reply.get());
}

Result<JobId> Manager::resize_disk(const std::string& domain, const std::string& target, std::uint64_t bytes) {
    Message reply = TRY(call("ResizeDisk", "sst", domain.c_str(), target.c_str(), bytes));
    return read_u64(reply.get());
}

Result<JobId> Manager::detach_disk(const std::string& domain, const std::string& target, const Properties& options) {
    return detach_device("DetachDisk", domain, target, options);
}

Result<JobId> Manager::attach_nic(const std::string& domain, const std::string& nic) {
    Message reply = TRY(call("AttachNic", "ss", domain.c_str(), nic.c_str()));
    return read_u64(reply.get());
}

Result<JobId> Manager::detach_nic(const std::string& domain, const std::string& nic, const Properties& options) {
    return detach_device("DetachNic", domain, nic, options);
}

Result<JobId> Manager::change_nic(const std::string& domain, const std::string& nic, const std::string& change) {
    Message reply = TRY(call("ChangeNic", "sss", domain.c_str(), nic.c_str(), change.c_str()));
    return read_u64(reply.get());
}

Result<std::vector<Properties>> Manager::list_nics(const std::string& domain) {
    Message reply = TRY(call("ListNics", "s", domain.c_str()));
    return read_properties_list(reply.get());
}

Result<NicCheck> Manager::check_nic(const std::string& domain, const std::string& nic) {
    Message reply = TRY(call("CheckNic", "ss", domain.c_str(), nic.c_str()));
    NicCheck check;
    check.interface = TRY(read_string(reply.get()));
    check.in_force = TRY(read_boolean(reply.get()));
    check.trials = TRY(read_properties_list(reply.get()));
    return check;
}

Result<std::vector<Properties>> Manager::list_disks(const std::string& domain) {
    Message reply = TRY(call("ListDisks", "s", domain.c_str()));
    return read_properties_list(reply.get());
}

Result<Properties> Manager::get_host_info() {
    Message reply = TRY(call("GetHostInfo", ""));
    return read_properties(reply.get());
}

Result<LogPiece> Manager::read_hv_log(std::uint64_t position, bool clear) {
    Message reply = TRY(call("ReadHvLog", "tb", position, clear ? 1 : 0));
    std::string text = TRY(read_string(reply.get()));
    return LogPiece{std::move(text), TRY(read_u64(reply.get()))};
}

Result<void> Manager::send_debug_keys(const std::string& keys) {
    TRY(call("SendDebugKeys", "s", keys.c_str()));
    return {};
}

Result<Properties> Manager::get_perf_counters() {
    Message reply = TRY(call("GetPerfCounters", ""));
    return read_properties(reply.get());
}

Result<std::vector<Properties>> Manager::list_jobs() {
    Message reply = TRY(call("ListJobs", ""));
    return read_properties_list(reply.get());
}

Result<void> Manager::cancel_job(JobId job) {
    TRY(call("CancelJob", "t", job));
    return {};
}

}  // namespace hvctl::cli
