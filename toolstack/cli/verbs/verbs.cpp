#include "verbs/verbs.hpp"

namespace hvctl::cli {

// In the order in which the help lists them.
void add_all_verbs(App& app, Context& context) {
    add_create(app, context);
    add_start(app, context);
    add_shutdown(app, context);
    add_reboot(app, context);
    add_destroy(app, context);
    add_pause(app, context);
    add_unpause(app, context);
    add_sysrq(app, context);
    add_dump_core(app, context);
    add_rename(app, context);
    add_forget(app, context);
    add_list(app, context);
    add_show(app, context);
    add_vcpu_list(app, context);
    add_top(app, context);
    add_uptime(app, context);
    add_guarantees(app, context);
    add_domid(app, context);
    add_domname(app, context);
    add_console(app, context);
    add_vcpu_set(app, context);
    add_vcpu_pin(app, context);
    add_sched(app, context);
    add_mem_set(app, context);
    add_mem_max(app, context);
    add_cpupools(app, context);
    add_block_attach(app, context);
    add_block_detach(app, context);
    add_block_resize(app, context);
    add_block_limits(app, context);
    add_block_list(app, context);
    add_volumes(app, context);
    add_network_attach(app, context);
    add_network_check(app, context);
    add_network_detach(app, context);
    add_network_set(app, context);
    add_network_list(app, context);
    add_info(app, context);
    add_dmesg(app, context);
    add_debug_keys(app, context);
    add_stop_all(app, context);
    add_perf(app, context);
    add_validate(app, context);
    add_job(app, context);
    add_help(app, context);
}

}  // namespace hvctl::cli
