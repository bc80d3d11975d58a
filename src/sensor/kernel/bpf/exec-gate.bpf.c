// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * pH's suspend_execve in the kernel, as two programs of the BPF LSM. A process under a lease has a mark, and so has
 * whatever it forks. An exec of a marked one stops its process and is to be made again (ERESTARTNOINTR): nothing of it
 * has happened, and whoever continues the process too early only makes it ask again. A program that sleeps until it may
 * go on cannot be written in BPF; the stop is what a process can be held by that outlasts the hook.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define CLONE_THREAD 0x10000
#define SIGCONT 18
#define SIGSTOP 19
#define EPERM 1
#define EAGAIN 11
#define ERESTARTNOINTR 513
/* Leases that one process can be under at a time; ../exec-gate.ts has the same. */
#define EACH 4

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Of a process: on the task of its first thread. 0: no lease. */
struct mark {
  u32 lease[EACH];
};

struct exec_totals {
  u64 held;
  u64 refused;
  u64 forks_refused;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct mark);
} marks SEC(".maps");

/* Lease -> until when, ns of the monotonic clock. User space says it anew several times in that time, or it is over. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, u32);
  __type(value, u64);
} in_force SEC(".maps");

/* Processes that wait, by pid -> their start, ns since boot: who is to be continued. Its size is the limit. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, u32);
  __type(value, u64);
} waiting SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct exec_totals);
} exec_counts SEC(".maps");

static __always_inline struct exec_totals *totals(void)
{
  u32 zero = 0;
  return bpf_map_lookup_elem(&exec_counts, &zero);
}

static __always_inline int suspended(struct mark *mark)
{
  u64 now = bpf_ktime_get_ns(), *until;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    u32 lease = mark->lease[i];
    if (!lease)
      continue;
    until = bpf_map_lookup_elem(&in_force, &lease);
    if (until && now < *until)
      return 1;
  }
  return 0;
}

static __always_inline int refuse(void)
{
  struct exec_totals *t = totals();
  if (t)
    __sync_fetch_and_add(&t->refused, 1);
  return -EPERM;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(check_exec, struct linux_binprm *binary, int before)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct exec_totals *t;
  struct mark *mark;
  u64 start;
  u32 pid;

  if (before)
    return before;
  mark = bpf_task_storage_get(&marks, task->group_leader, 0, 0);
  if (!mark)
    return 0;
  pid = task->tgid;
  if (!suspended(mark)) {
    bpf_map_delete_elem(&waiting, &pid);
    return 0;
  }
  /* First the stop, then the word of it: who reads the word and continues the process has something to continue. */
  if (bpf_send_signal(SIGSTOP))
    return refuse();
  start = task->group_leader->start_boottime;
  if (bpf_map_update_elem(&waiting, &pid, &start, 0)) {
    /* No room: it would stand for ever. */
    bpf_send_signal(SIGCONT);
    return refuse();
  }
  t = totals();
  if (t)
    __sync_fetch_and_add(&t->held, 1);
  return -ERESTARTNOINTR;
}

SEC("lsm/task_alloc")
int BPF_PROG(mark_child, struct task_struct *child, unsigned long flags, int before)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct mark *mark, *copy;
  struct exec_totals *t;

  if (before || flags & CLONE_THREAD)
    return before;
  mark = bpf_task_storage_get(&marks, task->group_leader, 0, 0);
  if (!mark || !suspended(mark))
    return 0;
  copy = bpf_task_storage_get(&marks, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!copy) {
    /* What cannot be marked would be free to start anything. */
    t = totals();
    if (t)
      __sync_fetch_and_add(&t->forks_refused, 1);
    return -EAGAIN;
  }
  *copy = *mark;
  return 0;
}
