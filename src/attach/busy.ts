/**
 * Functions that the kernel calls again and again while it attaches to many, and detaches: it makes a
 * trampoline for each, and changes the code of each in steps. They are attached last and detached first, or each
 * of those calls takes longer: detaching from 20,000 functions took twice as long. Seen with `fsnoop stat` on
 * Linux 7.2, x86_64; what else a kernel has is only slower.
 */
export const busyWhileAttaching: ReadonlySet<string> = new Set([
  // arch/x86/kernel/alternative.c, arch/x86/mm/tlb.c and what they call: each step of a change
  ...['use_temporary_mm', 'unuse_temporary_mm', 'switch_mm_irqs_off', 'switch_ldt'],
  ...['flush_tlb_mm_range', 'get_locked_pte', 'walk_to_pmd', 'pte_offset_map_lock'],
  ...['__pte_offset_map', 'vmalloc_to_page', 'in_gate_area_no_mm', 'do_sync_core'],
  ...['on_each_cpu_cond_mask', 'smp_call_function_many_cond'],
  ...['_raw_spin_lock', '_raw_spin_unlock', '_raw_spin_trylock', 'down_read', 'up_read'],
  ...['mutex_lock', 'mutex_unlock', 'mod_node_page_state', 'lruvec_stat_mod_folio'],
  // arch/x86/lib: the instruction that is replaced
  ...['insn_init', 'insn_decode', 'insn_get_prefixes', 'insn_get_opcode', 'insn_get_modrm'],
  ...['insn_get_displacement', 'inat_get_opcode_attribute', 'is_endbr'],
  // arch/x86/net/bpf_jit_comp.c and kernel/bpf/trampoline.c: a trampoline
  ...['__arch_prepare_bpf_trampoline', 'save_args', 'restore_regs', 'emit_ldx'],
  ...['emit_mov_imm64', 'emit_mov_imm32', 'emit_insn_suffix', 'x86_call_depth_emit_accounting'],
  ...[
    'cpu_wants_rethunk',
    'bpf_trampoline_enter',
    'bpf_trampoline_exit',
    'bpf_attach_type_to_tramp',
  ],
  ...['arch_bpf_trampoline_skip', 'bpf_ksym_find', 'is_bpf_text_address', 'is_vmalloc_addr'],
  ...['kfree', 'kvfree', '__kmalloc_cache_noprof', 'insert_vmap_area', 'pcpu_block_update'],
  ...['copy_from_kernel_nofault', 'copy_from_kernel_nofault_allowed'],
]);
