/* A 32-bit program without a library: makes system calls as the kernel's vDSO does on this processor (SYSENTER, SYSCALL or
   INT 0x80), and steps another process through them. Says what the vDSO uses, then "right" or "wrong". */
typedef unsigned word;

enum { kExit = 1, kFork = 2, kWrite = 4, kWaitpid = 7, kGetpid = 20, kPtrace = 26, kKill = 37 };
enum { kTraceMe = 0, kSingleStep = 9, kStop = 19, kFault = -14, kNoSystemCall = -38, kSysinfo = 32 };

static word vdso;

static int by_vdso(word number, word a, word b, word c) {
    int result;
    __asm__ volatile("call *%1" : "=a"(result) : "m"(vdso), "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static int by_interrupt(word number, word a, word b, word c, word d) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
    return result;
}

static void print(const char* text) {
    word length = 0;
    while (text[length]) ++length;
    by_interrupt(kWrite, 1, (word)text, length, 0);
}

static void print_entry(void) {
    const unsigned char* code = (const unsigned char*)vdso;
    for (word i = 0; i < 16; ++i) {
        if (code[i] == 0x0f && code[i + 1] == 0x05) return print("syscall\n");
        if (code[i] == 0x0f && code[i + 1] == 0x34) return print("sysenter\n");
    }
    print("int 0x80\n");
}

static int calls_are_right(word times) {
    const int self = by_interrupt(kGetpid, 0, 0, 0, 0);
    for (word i = 0; i < times; ++i)
        if (by_vdso(kGetpid, 0, 0, 0) != self) return 0;
    return by_vdso(999, 0, 0, 0) == kNoSystemCall && by_vdso(kWrite, 1, 1, 5) == kFault;
}

/* Stepping must go on after each system call: a child that gets away ends after a handful of steps. */
static int stepping_is_right(void) {
    const int child = by_interrupt(kFork, 0, 0, 0, 0);
    if (child == 0) {
        by_interrupt(kPtrace, kTraceMe, 0, 0, 0);
        by_interrupt(kKill, (word)by_interrupt(kGetpid, 0, 0, 0, 0), kStop, 0, 0);
        by_interrupt(kExit, !calls_are_right(30), 0, 0, 0);
    }
    word steps = 0;
    int status = 0;
    while (by_interrupt(kWaitpid, (word)child, (word)&status, 0, 0) == child && (status & 0xff) == 0x7f) {
        ++steps;
        by_interrupt(kPtrace, kSingleStep, (word)child, 0, 0);
    }
    return status == 0 && steps > 30 * 10;
}

__attribute__((used)) void program(const word* stack) {
    const word* at = stack + 1 + stack[0] + 1; /* argc, its arguments, null */
    while (*at) ++at;
    for (++at; *at; at += 2)
        if (*at == kSysinfo) vdso = at[1];
    if (!vdso) {
        print("no vDSO\n");
        by_interrupt(kExit, 2, 0, 0, 0);
    }
    print_entry();
    const int right = calls_are_right(20000) && stepping_is_right();
    print(right ? "right\n" : "wrong\n");
    by_vdso(kExit, !right, 0, 0);
}

__asm__(".globl _start\n_start: mov %esp, %eax\n push %eax\n call program\n");
