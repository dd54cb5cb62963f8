// Every verb registers itself with the application; `context` must outlive it.
#pragma once

#include "app.hpp"
#include "context.hpp"

namespace hvctl::cli {

void add_create(App& app, Context& context);
void add_pause(App& app, Context& context);
void add_unpause(App& app, Context& context);
void add_shutdown(App& app, Context& context);
void add_reboot(App& app, Context& context);
void add_destroy(App& app, Context& context);
void add_dump_core(App& app, Context& context);
void add_sysrq(App& app, Context& context);
void add_rename(App& app, Context& context);
void add_start(App& app, Context& context);
void add_show(App& app, Context& context);
void add_forget(App& app, Context& context);
void add_list(App& app, Context& context);
void add_top(App& app, Context& context);
void add_uptime(App& app, Context& context);
void add_guarantees(App& app, Context& context);
void add_domid(App& app, Context& context);
void add_domname(App& app, Context& context);
void add_console(App& app, Context& context);
void add_vcpu_list(App& app, Context& context);
void add_vcpu_pin(App& app, Context& context);
void add_vcpu_set(App& app, Context& context);
void add_sched(App& app, Context& context);
void add_mem_set(App& app, Context& context);
void add_mem_max(App& app, Context& context);
void add_cpupools(App& app, Context& context);
void add_block_attach(App& app, Context& context);
void add_block_detach(App& app, Context& context);
void add_block_resize(App& app, Context& context);
void add_block_limits(App& app, Context& context);
void add_block_list(App& app, Context& context);
void add_volumes(App& app, Context& context);
void add_network_attach(App& app, Context& context);
void add_network_check(App& app, Context& context);
void add_network_detach(App& app, Context& context);
void add_network_set(App& app, Context& context);
void add_network_list(App& app, Context& context);
void add_info(App& app, Context& context);
void add_dmesg(App& app, Context& context);
void add_debug_keys(App& app, Context& context);
void add_stop_all(App& app, Context& context);
void add_perf(App& app, Context& context);
void add_validate(App& app, Context& context);
void add_job(App& app, Context& context);
void add_help(App& app, Context& context);

void add_all_verbs(App& app, Context& context);

}  // namespace hvctl::cli
