/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Units: the process image that a task runs, or 16,384 calls of it, begun, ended and told of. */
#pragma once

#define EVENTS_WAKE (1 << 18)

/* Whoever reads looks ten times a second; it is only woken when much has come. */
static __always_inline u64 wake_flags(void)
{
  return bpf_ringbuf_query(&unit_events, BPF_RB_AVAIL_DATA) > EVENTS_WAKE ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void lose_unit_event(void)
{
  struct cpu *c = this_cpu();
  if (c)
    c->unit_events_lost++;
}

static __always_inline u64 slots_of(u64 table)
{
  u64 bits = table & 15;
  return bits ? 1ULL << bits : 0;
}

/* The unit as it is, up to the touched slots that its table has. */
static __noinline int send_unit(struct unit *u, u32 type)
{
  u64 size;
  if (!u)
    return 0;
  size = 128 + 8 * TOLD + (slots_of(u->table) >> 3);
  if (size > sizeof(struct unit))
    size = sizeof(struct unit);
  u->type = type;
  if (bpf_ringbuf_output(&unit_events, u, size, wake_flags()))
    lose_unit_event();
  return 0;
}

static __always_inline void clear_touched(struct unit *u)
{
  u32 zero = 0;
  struct unit *nothing = bpf_map_lookup_elem(&units, &zero);
  u64 size = slots_of(u->table) >> 3;
  if (size > GRAM_SLOTS / 8)
    size = GRAM_SLOTS / 8;
  if (nothing && size)
    bpf_probe_read_kernel(u->touched, size, nothing->touched);
}

static __always_inline void clear_told(struct unit *u)
{
  u32 zero = 0;
  struct unit *nothing = bpf_map_lookup_elem(&units, &zero);
  if (nothing && u->records)
    bpf_probe_read_kernel(u->told, sizeof(u->told), nothing->told);
}

/* Tells of a unit that ended. Its block is as new afterwards. */
static __noinline int end_unit(struct task_struct *task, struct unit *u, u32 reason, u32 next)
{
  struct profile *p;
  u32 id;
  if (!u || !task)
    return 0;
  id = u->profile;
  p = bpf_map_lookup_elem(&profiles, &id);
  if (u->calls && p && p->generation == u->generation && p->judge && p->judge == u->judge) {
    u->tgid = task->tgid;
    u->tid = task->pid;
    u->time = bpf_ktime_get_ns();
    u->reason = reason;
    u->next = next;
    send_unit(u, UNIT_ENDED);
  }
  clear_told(u);
  clear_touched(u);
  u->begun += u->calls;
  u->fresh = 0;
  u->sequence++;
  u->calls = 0;
  u->cost = 0;
  u->unknown = 0;
  u->records = 0;
  u->frame_cost = 0;
  u->frame_most = 0;
  return 0;
}

/* Ends the unit of a task that has taken it out of its state, and gives its block back. */
static __noinline int give_unit(struct task_struct *task, u32 id, u32 reason, u32 next)
{
  struct unit *u;
  if (!id || !task)
    return 0;
  u = bpf_map_lookup_elem(&units, &id);
  if (u)
    end_unit(task, u, reason, next);
  bpf_map_push_elem(&free_units, &id, 0);
  return 0;
}

/* The unit of a task whose end the kernel did not show us. */
static __always_inline void drop_unit(u32 id)
{
  struct unit *u = bpf_map_lookup_elem(&units, &id);
  if (!id || !u)
    return;
  u->judge = 0;
  give_unit(bpf_get_current_task_btf(), id, UNIT_EXIT, 0);
}

static __always_inline u32 take_unit(struct state *st)
{
  u32 id = st->unit;
  st->unit = 0;
  return id;
}

/* A unit for a call that has none, or whose table was replaced; 0: no room. */
static __noinline struct unit *make_unit(struct task_struct *task, struct state *st, struct profile *p)
{
  u32 id;
  struct unit *u;
  if (!task || !st || !p)
    return 0;
  id = st->unit;
  u = bpf_map_lookup_elem(&units, &id);
  if (!u)
    return 0;
  if (id && u->judge == p->judge && u->profile == st->profile && u->generation == st->generation) {
    /* Its places are of the table that was: told apart by the version in it. */
    if (u->table && u->calls) {
      u->records++;
      send_unit(u, UNIT_TOUCHED);
    }
    clear_touched(u);
    u->table = p->grams;
    return u;
  }
  if (!id) {
    if (bpf_map_pop_elem(&free_units, &id)) {
      struct cpu *c = this_cpu();
      if (c)
        c->units_refused++;
      return 0;
    }
    u = bpf_map_lookup_elem(&units, &id);
    if (!u)
      return 0;
    st->unit = id;
    u->id = id;
  } else {
    /* Not watched for a while: what it has is not all. */
    end_unit(task, u, UNIT_MOVED, 0);
  }
  u->profile = st->profile;
  u->generation = st->generation;
  u->judge = p->judge;
  u->table = p->grams;
  u->begun = st->calls - 1;
  u->fresh = st->calls == 1 && (st->near >> 16 & 0xffff) == EMPTY;
  return u;
}
