#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/arch-x86/xen-mca.h>
}

#include "hv/abi/xen/machine_check.hpp"

namespace our = hv::abi::xen;

TEST(XenMachineCheck, Values) {
    EXPECT_SAME_VALUE(our::kMachineCheckInterfaceVersion, XEN_MCA_INTERFACE_VERSION);
    EXPECT_SAME_VALUE(our::MachineCheckCommand::Fetch, XEN_MC_fetch);
    EXPECT_SAME_VALUE(our::MachineCheckCommand::NotifyDomain, XEN_MC_notifydomain);
    EXPECT_SAME_VALUE(our::MachineCheckCommand::PhysicalCpuInfo, XEN_MC_physcpuinfo);
    EXPECT_SAME_VALUE(our::MachineCheckCommand::InjectMsr, XEN_MC_msrinject);
    EXPECT_SAME_VALUE(our::MachineCheckCommand::InjectMachineCheck, XEN_MC_mceinject);
    EXPECT_SAME_VALUE(our::kMachineCheckNoData, XEN_MC_NODATA);
}

TEST(XenMachineCheck, Operation) {
    EXPECT_LE(sizeof(our::MachineCheckOp), sizeof(xen_mc));
    EXPECT_SAME_OFFSET(our::MachineCheckOp, command, xen_mc, cmd);
    EXPECT_SAME_OFFSET(our::MachineCheckOp, interface_version, xen_mc, interface_version);
    EXPECT_EQ(offsetof(our::MachineCheckOp, u), offsetof(xen_mc, u));
    EXPECT_SAME_SIZE(our::MachineCheckFetch, xen_mc_fetch);
    EXPECT_SAME_OFFSET(our::MachineCheckFetch, flags, xen_mc_fetch, flags);
    EXPECT_SAME_OFFSET(our::MachineCheckFetch, id, xen_mc_fetch, fetch_id);
    EXPECT_SAME_OFFSET(our::MachineCheckFetch, data, xen_mc_fetch, data);
    EXPECT_SAME_SIZE(our::MachineCheckCpus, xen_mc_physcpuinfo);
    EXPECT_SAME_OFFSET(our::MachineCheckCpus, count, xen_mc_physcpuinfo, ncpus);
    EXPECT_SAME_OFFSET(our::MachineCheckCpus, info, xen_mc_physcpuinfo, info);
}

TEST(XenMachineCheck, Cpu) {
    EXPECT_SAME_SIZE(our::MachineCheckCpu, mcinfo_logical_cpu);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, cpu, mcinfo_logical_cpu, mc_cpunr);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, socket, mcinfo_logical_cpu, mc_chipid);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, core, mcinfo_logical_cpu, mc_coreid);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, thread, mcinfo_logical_cpu, mc_threadid);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, apic_id, mcinfo_logical_cpu, mc_apicid);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, cores, mcinfo_logical_cpu, mc_ncores);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, active_cores, mcinfo_logical_cpu, mc_ncores_active);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, threads, mcinfo_logical_cpu, mc_nthreads);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, family, mcinfo_logical_cpu, mc_family);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, vendor_text, mcinfo_logical_cpu, mc_vendorid);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, brand, mcinfo_logical_cpu, mc_brandid);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, capabilities, mcinfo_logical_cpu, mc_cpu_caps);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, msr_count, mcinfo_logical_cpu, mc_nmsrvals);
    EXPECT_SAME_OFFSET(our::MachineCheckCpu, msrs, mcinfo_logical_cpu, mc_msrvalues);
    EXPECT_SAME_SIZE(our::MachineCheckMsr, mcinfo_msr);
}
