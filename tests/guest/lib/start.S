// Entry points, ELF notes, trap stubs and the one non-local jump of the test kernels.
#define NOTE_ENTRY 1
#define NOTE_HYPERCALL_PAGE 2
#define NOTE_VIRT_BASE 3
#define NOTE_XEN_VERSION 5
#define NOTE_GUEST_OS 6
#define NOTE_GUEST_VERSION 7
#define NOTE_LOADER 8
#define NOTE_HV_START_LOW 12
#define NOTE_SUPPORTED_FEATURES 17

#define HYPERCALL_STUB_BYTES 32
#define HYPERCALL_IRET 23
#define VCPU_STACK_BYTES 32768    // as kVcpuStackBytes in vcpu.hpp

    .section .text.start, "ax"
    .globl guest_start, domu_start, hypercall_page, boot_stack_top
// Dom0: rsi is the start info. A domain that domu.cpp built also has its role in rdi.
guest_start:
    xor %edi, %edi
domu_start:
    cld
    lea boot_stack_top(%rip), %rsp
    xor %ebp, %ebp
    call guest_entry
    ud2

    .balign 4096
hypercall_page:
    .fill 4096, 1, 0xcc

// ---- Traps. The hypervisor's frame is rcx, r11, [error], rip, cs, rflags, rsp, ss; TrapFrame in traps.hpp is built below it.
.macro STUB vector has_error
    .balign 16
trap_stub_\vector:
    pop %rcx
    pop %r11
    .if \has_error == 0
    push $0
    .endif
    push $\vector
    jmp trap_common
.endm

    .text
    .irp v, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19, 20, 128
    STUB \v 0
    .endr
    .irp v, 8, 10, 11, 12, 13, 14, 17
    STUB \v 1
    .endr

    .globl event_stub, failsafe_stub
    .balign 16
event_stub:                       // vector 256: an event upcall
    pop %rcx
    pop %r11
    push $0
    push $256
    jmp trap_common
    .balign 16
failsafe_stub:                    // rcx, r11, ds, es, fs, gs, rip, cs, rflags, rsp, ss
    pop %rcx
    pop %r11
    add $32, %rsp
    push $0
    push $257
trap_common:
    cld
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    call guest_trap
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $8, %rsp                  // the vector; the error's slot becomes the flags of the iret hypercall
    movq $0, (%rsp)
    jmp hypercall_page + HYPERCALL_IRET * HYPERCALL_STUB_BYTES

    .section .rodata
    .balign 8
    .globl trap_stubs
trap_stubs:                       // vector, address; ends with address 0
    .irp v, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 128
    .quad \v, trap_stub_\v
    .endr
    .quad 0, 0

    .text
// bool catch_call(void (*function)(void*), void* argument, std::uint64_t* stack_slot): false when it returned; true when
// guest_trap cut it short by going to catch_resume with the stack pointer that is saved in *stack_slot.
    .globl catch_call, catch_resume
catch_call:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdx)
    sub $8, %rsp
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    add $8, %rsp
    xor %eax, %eax
    jmp 1f
catch_resume:
    mov $1, %eax
1:  pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

// Where a secondary vCPU begins: rdi is its function, rsi its argument.
    .globl secondary_start
secondary_start:
    xor %ebp, %ebp
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    call secondary_done
    ud2

    .bss
    .balign VCPU_STACK_BYTES
    .globl boot_stack
boot_stack:
    .fill VCPU_STACK_BYTES
boot_stack_top:

    .macro NOTE_STRING type text
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 1f - 0f, \type
    .asciz "Xen"
0:  .asciz "\text"
1:  .balign 4
    .popsection
    .endm
    .macro NOTE_NUMBER type value
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 8, \type
    .asciz "Xen"
    .quad \value
    .popsection
    .endm

    NOTE_STRING NOTE_GUEST_OS "guest-test"
    NOTE_STRING NOTE_GUEST_VERSION "1"
    NOTE_STRING NOTE_XEN_VERSION "xen-3.0"
    NOTE_STRING NOTE_LOADER "generic"
    NOTE_NUMBER NOTE_VIRT_BASE VIRT_BASE
    NOTE_NUMBER NOTE_ENTRY guest_start
    NOTE_NUMBER NOTE_HYPERCALL_PAGE hypercall_page
    NOTE_NUMBER NOTE_HV_START_LOW 0xffff800000000000
    NOTE_NUMBER NOTE_SUPPORTED_FEATURES (1 << 11)    // may be Dom0

    .section .note.GNU-stack, "", @progbits
