/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Where the state of a task is: in `states` by its pid, or, if another task's is there, in task storage. */
#pragma once

static __always_inline struct state *quick_state(u32 tid)
{
  u32 at = tid & (STATES - 1);
  struct state *s = bpf_map_lookup_elem(&states, &at);
  return s && s->tid == tid ? s : 0;
}

/* The state of a task that may have none; 0 if so. */
static __always_inline struct state *state_of(struct task_struct *task)
{
  struct state *s = quick_state(task->pid);
  return s ? s : bpf_task_storage_get(&tasks, task, 0, 0);
}

/* As state_of, and makes one, all zero, if there is none. 0: no memory. */
static __noinline struct state *make_state(struct task_struct *task)
{
  u32 tid = task->pid, at = tid & (STATES - 1);
  struct state *s = state_of(task);
  if (s)
    return s;
  s = bpf_map_lookup_elem(&states, &at);
  if (s && !s->tid && !__sync_val_compare_and_swap(&s->tid, 0, tid))
    return s;
  return bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void copy_window(struct state *to, struct state *from)
{
  to->near = from->near;
  to->far = from->far;
  to->valid = from->valid;
  to->abi = from->abi;
  to->frame[0] = from->frame[0];
  to->frame[1] = from->frame[1];
  to->frame_at = from->frame_at;
  to->frame_size = from->frame_size;
  to->lfc = from->lfc;
  to->max_lfc = from->max_lfc;
  to->over = from->over;
  to->script = from->script;
  to->script_at = from->script_at;
  to->decided = from->decided;
}

/* Nobody's again. Also before a task begins: its pid may be that of one whose end the kernel did not show us. */
static __always_inline void drop_state(u32 tid)
{
  struct state *s = quick_state(tid);
  if (!s)
    return;
  s->profile = 0;
  s->generation = 0;
  s->mark = 0;
  s->near = 0;
  s->far = 0;
  s->valid = 0;
  s->abi = 0;
  s->lfc = 0;
  s->over = 0;
  s->calls = 0;
  s->unit = 0;
  s->script = 0;
  s->script_at = 0;
  s->decided = 0;
  s->frame[0] = 0;
  s->frame[1] = 0;
  s->frame_at = 0;
  s->frame_size = 0;
  s->max_lfc = 0;
  s->anomalous = 0;
  __sync_lock_test_and_set(&s->tid, 0);
}
