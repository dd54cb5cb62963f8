/* What a kernel may forbid its programs with CR4.TSD, and where a program finds the number of its CPU. For each CPU that it may
   use: prctl(PR_SET_TSC) makes RDTSC a SIGSEGV and undoes it, for this process alone; the vDSO's getcpu tells the number that
   sched_setaffinity() asked for. Says "right", or what is wrong. */
#define _GNU_SOURCE
#include <elf.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef long (*getcpu_call)(unsigned* cpu, unsigned* node, void* unused);

static sigjmp_buf back;

static void caught(int number) {
    (void)number;
    siglongjmp(back, 1);
}

static int rdtsc_faults(void) {
    unsigned low, high;
    if (sigsetjmp(back, 1)) return 1;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return 0;
}

static int stays_forbidden(void) {
    for (int i = 0; i < 200; ++i) {
        sched_yield();
        if (!rdtsc_faults()) return 0;
    }
    return 1;
}

/* A function of the vDSO: its dynamic symbols are all there is to look through. */
static void* of_vdso(const char* name) {
    const char* base = (const char*)getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr* header = (const Elf64_Ehdr*)base;
    const Elf64_Phdr* segments = (const Elf64_Phdr*)(base + header->e_phoff);
    const Elf64_Dyn* dynamic = 0;
    for (int i = 0; i < header->e_phnum; ++i)
        if (segments[i].p_type == PT_DYNAMIC) dynamic = (const Elf64_Dyn*)(base + segments[i].p_offset);
    const char* names = 0;
    const Elf64_Sym* symbols = 0;
    for (; dynamic && dynamic->d_tag != DT_NULL; ++dynamic) {
        if (dynamic->d_tag == DT_STRTAB) names = base + dynamic->d_un.d_ptr;
        if (dynamic->d_tag == DT_SYMTAB) symbols = (const Elf64_Sym*)(base + dynamic->d_un.d_ptr);
    }
    /* The string table follows the symbols. */
    for (const Elf64_Sym* symbol = symbols; symbols && (const char*)symbol < names; ++symbol)
        if (symbol->st_value && !strcmp(names + symbol->st_name, name)) return (void*)(base + symbol->st_value);
    return 0;
}

static int wrong(const char* what, int cpu) {
    printf("%s on CPU %d\n", what, cpu);
    return 1;
}

static int check(int cpu, getcpu_call getcpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one)) return wrong("cannot run", cpu);
    unsigned number = ~0u, node = ~0u;
    if (getcpu(&number, &node, 0) || number != (unsigned)cpu || node != 0) {
        printf("getcpu says %u, node %u, ", number, node);
        return wrong("it was asked", cpu);
    }
    if (rdtsc_faults()) return wrong("RDTSC faults before it was forbidden", cpu);
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
        const int good = stays_forbidden();
        prctl(PR_SET_TSC, PR_TSC_ENABLE);
        _exit(!good || rdtsc_faults());
    }
    for (int i = 0; i < 200; ++i) {
        sched_yield();
        if (rdtsc_faults()) return wrong("RDTSC faults because another process has forbidden it to itself", cpu);
    }
    int status = 1;
    if (waitpid(child, &status, 0) != child || status) return wrong("RDTSC goes on after it was forbidden", cpu);
    return 0;
}

int main(void) {
    const getcpu_call getcpu = (getcpu_call)of_vdso("__vdso_getcpu");
    if (!getcpu) {
        puts("the vDSO has no getcpu");
        return 1;
    }
    const struct sigaction action = {.sa_handler = caught};
    sigaction(SIGSEGV, &action, 0);
    const int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    for (int cpu = 0; cpu < cpus; ++cpu)
        if (check(cpu, getcpu)) return 1;
    puts("right");
    return 0;
}
