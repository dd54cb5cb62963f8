// From the boot loader (32-bit protected mode, paging off) to start_machine() in long mode at hv's virtual address.
//
// The tables built here map the first 4 GiB twice, at 0 and at the direct map's base, and the image at its place; all of
// it writable and executable. paging/ replaces them as soon as the memory map is known; the second CPUs and later ones
// pass through them too (smp/trampoline.S).
#include "asm_constants.h"

#define PHYSICAL(symbol) ((symbol) - (IMAGE_BASE - IMAGE_PHYSICAL))

#define MULTIBOOT1_MAGIC 0x1badb002
#define MULTIBOOT1_FLAGS 0x3                 /* modules page-aligned, memory map wanted */
#define MULTIBOOT2_MAGIC 0xe85250d6

        .section .boot.header, "a"
        .balign 8
multiboot1_header:
        .long   MULTIBOOT1_MAGIC
        .long   MULTIBOOT1_FLAGS
        .long   -(MULTIBOOT1_MAGIC + MULTIBOOT1_FLAGS)
        .balign 8
multiboot2_header:
        .long   MULTIBOOT2_MAGIC
        .long   0                            /* i386 */
        .long   multiboot2_end - multiboot2_header
        .long   -(MULTIBOOT2_MAGIC + (multiboot2_end - multiboot2_header))
        .balign 8
        .short  1, 0                         /* information request: command line, memory, memory map */
        .long   20
        .long   1, 4, 6
        .balign 8
        .short  6, 1                         /* modules page-aligned */
        .long   8
        .balign 8
        .short  0, 0
        .long   8
multiboot2_end:

        .section .boot.text, "ax"
        .code32
        .globl  boot_entry
boot_entry:
        cli
        cld
        movl    %eax, %ebp                   /* loader's magic; its information goes to %esi */
        movl    %ebx, %esi
        movl    $PHYSICAL(boot_stack_end), %esp

        movl    $0x80000000, %eax
        cpuid
        cmpl    $0x80000001, %eax
        jb      no_long_mode
        movl    $0x80000001, %eax
        cpuid
        btl     $29, %edx                    /* long mode */
        jnc     no_long_mode

        /* 4 GiB in 2 MiB pages. */
        movl    $PHYSICAL(boot_l2), %edi
        movl    $0x83, %eax                  /* present, writable, large */
        movl    $2048, %ecx
1:      movl    %eax, (%edi)
        movl    $0, 4(%edi)
        addl    $0x200000, %eax
        addl    $8, %edi
        loop    1b

        movl    $PHYSICAL(boot_l3_low), %edi
        movl    $PHYSICAL(boot_l2) + 3, %eax
        movl    $4, %ecx
2:      movl    %eax, (%edi)
        addl    $0x1000, %eax
        addl    $8, %edi
        loop    2b

        /* The image: two pages of 2 MiB. */
        movl    $IMAGE_PHYSICAL + 0x83, PHYSICAL(boot_l2_image)
        movl    $IMAGE_PHYSICAL + 0x200083, PHYSICAL(boot_l2_image) + 8
        movl    $PHYSICAL(boot_l2_image) + 3, PHYSICAL(boot_l3_image) + IMAGE_L3_OFFSET

        movl    $PHYSICAL(boot_l3_low) + 3, PHYSICAL(boot_l4)
        movl    $PHYSICAL(boot_l3_low) + 3, PHYSICAL(boot_l4) + DIRECT_MAP_L4_OFFSET
        movl    $PHYSICAL(boot_l3_image) + 3, PHYSICAL(boot_l4) + IMAGE_L4_OFFSET

        call    enter_long_mode_32
        /* Now in 64-bit code (compatibility mode left by the far jump below). */
        ljmpl   $8, $PHYSICAL(boot_entry_64)

/* Turns on long mode with the boot tables; returns in compatibility mode with the boot GDT loaded. Clobbers eax, ecx, edx, ebx. */
        .globl  enter_long_mode_32
enter_long_mode_32:
        movl    %cr4, %eax
        orl     $0x20, %eax                  /* PAE */
        movl    %eax, %cr4
        movl    $PHYSICAL(boot_l4), %eax
        movl    %eax, %cr3
        movl    $0x80000001, %eax
        cpuid
        movl    $0xc0000080, %ecx
        movl    %edx, %ebx
        rdmsr
        orl     $0x100, %eax                 /* EFER.LME */
        btl     $20, %ebx
        jnc     3f
        orl     $0x800, %eax                 /* EFER.NXE */
3:      wrmsr
        movl    $0x80010031, %eax            /* PG, WP, NE, ET, PE; caches on */
        movl    %eax, %cr0
        lgdtl   PHYSICAL(boot_gdt_pointer)
        ret

no_long_mode:
        movl    $PHYSICAL(no_long_mode_text), %esi
        movl    $0xb8000, %edi
        movb    $0x0f, %ah
4:      lodsb
        testb   %al, %al
        jz      6f
        stosw
        movb    %al, %cl
        movw    $0x3fd, %dx
5:      inb     %dx, %al
        testb   $0x20, %al
        jz      5b
        movw    $0x3f8, %dx
        movb    %cl, %al
        outb    %al, %dx
        jmp     4b
6:      hlt
        jmp     6b

no_long_mode_text:
        .asciz  "hv needs a 64-bit x86 processor (long mode).\r\n"

        .balign 8
        .globl  boot_gdt
boot_gdt:
        .quad   0
        .quad   0x00af9a000000ffff           /* 8: 64-bit code */
        .quad   0x00cf92000000ffff           /* 16: data */
        .quad   0x00cf9a000000ffff           /* 24: 32-bit code */
boot_gdt_end:
        .globl  boot_gdt_pointer
boot_gdt_pointer:
        .short  boot_gdt_end - boot_gdt - 1
        .long   PHYSICAL(boot_gdt)

        .code64
boot_entry_64:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        xorl    %eax, %eax
        movl    %eax, %fs
        movl    %eax, %gs
        lldt    %ax
        movabsq $7f, %rax
        jmp     *%rax
7:      leaq    boot_stack_end(%rip), %rsp
        movl    %ebp, %edi
        movl    %esi, %esi
        xorl    %ebp, %ebp
        call    start_machine
8:      hlt
        jmp     8b

        .section .boot.bss, "aw", @nobits
        .balign 4096
        .globl  boot_l4
boot_l4:        .skip 4096
boot_l3_low:    .skip 4096
boot_l3_image:  .skip 4096
boot_l2_image:  .skip 4096
boot_l2:        .skip 4 * 4096

/* The boot CPU's first stack block: aligned and sized like every CPU's, so that per_cpu() works from the start. */
        .balign STACK_SIZE
        .globl  boot_stack_block
boot_stack_block:
        .skip   STACK_SIZE - STACK_RESERVED
        .globl  boot_stack_end
boot_stack_end:
        .skip   STACK_RESERVED

        .section .note.GNU-stack, "", @progbits
