// Where a CPU starts after INIT and SIPI: real mode, at the start of a page below 1 MiB to which these first lines are
// copied. From there through the boot tables (boot/boot.S) to start_secondary() on the CPU's own stack. One CPU at a time.
#include "asm_constants.h"

#define PHYSICAL(symbol) ((symbol) - (IMAGE_BASE - IMAGE_PHYSICAL))

        .section .boot.text, "ax"
        .code16
        .globl  trampoline_start, trampoline_end
        .balign 16
trampoline_start:
        cli
        cld
        movw    %cs, %ax
        movw    %ax, %ds
        lgdtl   trampoline_gdt - trampoline_start
        movl    $0x11, %eax                  /* PE, ET */
        movl    %eax, %cr0
        ljmpl   $24, $PHYSICAL(secondary_32)
        .balign 8
trampoline_gdt:
        .short  4 * 8 - 1                    /* boot_gdt has four entries */
        .long   PHYSICAL(boot_gdt)
trampoline_end:

        .code32
secondary_32:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $PHYSICAL(boot_stack_end), %esp
        call    enter_long_mode_32
        ljmpl   $8, $PHYSICAL(secondary_64)

        .code64
secondary_64:
        movabsq $1f, %rax
        jmp     *%rax
1:      movq    secondary_root(%rip), %rax
        movq    secondary_stack(%rip), %rsp
        movq    %rax, %cr3
        xorl    %ebp, %ebp
        call    start_secondary
        ud2

        .section .note.GNU-stack, "", @progbits
