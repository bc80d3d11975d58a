// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * pH in the kernel: the window of each task, the test of each call against its program's pairs, the locality frame,
 * the counts. Everything slower than that (when a profile is normal, how long a delay is) is user space's.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "layout.h"
#include "maps.h"
#include "state.h"
#include "script.h"
#include "attach.h"
#include "judge.h"
#include "units.h"
#include "grams.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Never the ELF class nor the code segment: a 64-bit program can make 32-bit calls. */
static __always_inline u32 abi_of(struct task_struct *task)
{
  struct thread_info___x86 *x86 = (void *)&task->thread_info;
  if (bpf_core_field_exists(x86->status))
    return (x86->status & 2) ? COMPAT : NATIVE;
  return (task->thread_info.flags & (1 << 22)) ? COMPAT : NATIVE;
}

static __always_inline u64 ip_of(struct pt_regs *regs)
{
  struct pt_regs___arm64 *arm = (void *)regs;
  if (bpf_core_field_exists(arm->pc))
    return arm->pc;
  return regs->ip;
}

/* Bits of training and test of the four pairs whose previous slots are in `window`, at distances from `first` on. */
static __always_inline u32 known(struct row *row, u64 window, u32 first)
{
  u64 a = window & 0xffff, b = (window >> 16) & 0xffff, c = (window >> 32) & 0xffff, d = window >> 48;
  BOUND(a, 511);
  BOUND(b, 511);
  BOUND(c, 511);
  BOUND(d, 511);
  return (row->pair[a] & first) | (row->pair[b] & (first << 1)) | (row->pair[c] & (first << 2)) |
         (row->pair[d] & (first << 3));
}

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long number)
{
  struct task_struct *task = bpf_get_current_task_btf();
  u32 cpu = bpf_get_smp_processor_id(), abi = abi_of(task), at, row_id, have, need;
  struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
  struct state *st;
  struct profile *p;
  struct row *row;
  u64 *count, slot = number, ninth;

  if (!c)
    return 0;
  c->seen++;
  st = quick_state(task->pid);
  if (!st) {
    st = make_state(task);
    if (!st) {
      c->no_state++;
      return 0;
    }
  }
  p = bpf_map_lookup_elem(&profiles, &st->profile);
  if (!p) {
    c->no_room++;
    return 0;
  }
  if (p->generation != st->generation || st->abi != abi) {
    struct mm_struct *mm = task->mm;
    struct file *file = mm ? mm->exe_file : 0;
    if (!file) {
      c->no_program++;
      return 0;
    }
    /* Numbers of two ABIs are unrelated. "No call yet", not "unknown": else a program could go untested by switching. */
    if (st->profile && st->abi != abi) {
      st->near = EMPTY_WINDOW;
      st->far = EMPTY_WINDOW;
      st->valid = ALL_VALID;
    }
    give_unit(task, take_unit(st), UNIT_MOVED, 0);
    if (!st->decided)
      decide_script(task, file, 0, st);
    attach(task, file, st, abi);
    p = bpf_map_lookup_elem(&profiles, &st->profile);
    if (!p) {
      c->no_room++;
      return 0;
    }
  }
  if (!st->profile) {
    c->no_room++;
    /* Calls pass unseen: the window is no more what it says it is. */
    st->valid = 0;
    return 0;
  }
  if (st->mark) {
    st->mark = 0;
    if (st->restart_nr == number && st->restart_ip == ip_of(regs)) {
      c->restarted++;
      return 0;
    }
  }
  if (slot == p->restart_nr) {
    c->restarted++;
    return 0;
  }
  if (slot >= OUT_OF_RANGE)
    slot = OUT_OF_RANGE;
  BOUND(slot, 511);

  at = cpu * p->stride + st->profile;
  count = bpf_map_lookup_elem(&counts, &at);
  if (!count) {
    c->no_room++;
    return 0;
  }
  *count += 1;
  st->calls++;

  row_id = p->row[slot];
  row = bpf_map_lookup_elem(&rows, &row_id);
  if (!row)
    return 0;
  need = p->need & st->valid;
  have = known(row, st->near, 0x0101);
  if (need & 0xf0)
    have |= known(row, st->far, 0x1010);
  have = need & ~have;
  if (have || st->lfc) {
    struct call call = {task, st, p, row, slot, ip_of(regs), number, have};
    judge(&call);
  }

  ninth = st->far >> 48;
  st->far = st->far << 16 | st->near >> 48;
  st->near = st->near << 16 | slot;
  if (st->valid != ALL_VALID)
    st->valid = (st->valid & 0x7f7f) << 1 | 0x0101;
  if (p->judge)
    count_gram(task, st, p, ninth);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old, struct linux_binprm *binary)
{
  struct state *st = make_state(task);
  u32 unit;
  if (!st)
    return 0;
  unit = take_unit(st);
  /* A thread that execs takes the pid of its leader. */
  if (old != task->pid) {
    struct state *before = quick_state(old);
    if (before) {
      tell_end(task, before);
      leave(before);
      give_unit(task, unit, UNIT_EXIT, 0);
      unit = take_unit(before);
      drop_state(old);
    }
  }
  tell_end(task, st);
  st->near = EMPTY_WINDOW;
  st->far = EMPTY_WINDOW;
  st->valid = ALL_VALID;
  st->calls = 0;
  st->anomalous = 0;
  st->mark = 0;
  reset_frame(st);
  decide_script(task, binary->file, binary, st);
  attach(task, binary->file, st, abi_of(task));
  give_unit(task, unit, UNIT_EXEC, st->profile);
  return 0;
}

/* Threads too. The child goes on where its parent is: pH's copied sequence. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
  struct state *from, *to;
  struct profile *p;

  to = quick_state(child->pid);
  if (to)
    drop_unit(take_unit(to));
  drop_state(child->pid);
  from = state_of(parent);
  if (!from)
    return 0;
  to = make_state(child);
  if (!to) {
    struct cpu *c = this_cpu();
    if (c)
      c->forks_lost++;
    return 0;
  }
  copy_window(to, from);
  p = bpf_map_lookup_elem(&profiles, &from->profile);
  if (!from->profile || !p || p->generation != from->generation)
    return 0;
  to->profile = from->profile;
  to->generation = from->generation;
  __sync_fetch_and_add(&p->tasks, 1);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
  struct state *st = state_of(task);
  if (!st)
    return 0;
  tell_end(task, st);
  give_unit(task, take_unit(st), UNIT_EXIT, 0);
  leave(st);
  st->profile = 0;
  st->generation = 0;
  st->anomalous = 0;
  drop_state(task->pid);
  return 0;
}

SEC("iter/task")
int list_tasks(struct bpf_iter__task *ctx)
{
  struct task_struct *task = ctx->task;
  struct task_record record = {};
  struct state *st;

  if (!task)
    return 0;
  st = state_of(task);
  if (!st || !st->profile)
    return 0;
  record.tgid = task->tgid;
  record.tid = task->pid;
  record.profile = st->profile;
  record.generation = st->generation;
  record.calls = st->calls;
  record.anomalous = st->anomalous;
  record.lfc = st->lfc;
  record.max_lfc = st->max_lfc;
  bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
  return 0;
}
