/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the judgement needs of a task's calls: which 8-grams of its profile it touched, what they cost, and each window
 * that is unknown or rare, once. Nothing here changes anything of pH; with profile.judge 0 nothing of it runs.
 */
#pragma once

#define NO_CALL 0xffff  /* not of this unit */
#define EVENTS_WAKE (1 << 18)

/* ../../../homeostasis/judgement/slots.ts has the same. */
static __always_inline u64 gram_hash(u64 near, u64 far)
{
  u64 hash = near * 0x9e3779b97f4a7c15ULL;
  hash ^= hash >> 32;
  hash = (hash + far) * 0xc2b2ae3d27d4eb4fULL;
  return hash ^ hash >> 32;
}

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

struct window {
  struct state *st;
  struct unit *u;
  u64 hash;
  u64 ninth;
  u32 slot;  /* it has one */
  u32 far;   /* the ninth call is one of the window's */
};

/* Once for each window of a unit, as far as it remembers: TOLD windows, two places for each. */
static __noinline int tell_window(struct window *w)
{
  struct state *st = w->st;
  struct unit *u = w->u;
  u64 tag = (w->hash + (w->far ? w->ninth + 1 : 0)) * 0x9e3779b97f4a7c15ULL, at, other, told;
  struct unit_window *e;

  tag ^= tag >> 32;
  at = tag >> 58;
  tag = (u32)tag | 1;
  BOUND(at, 63);
  told = u->told[at];
  if ((u32)told == (u32)tag) {
    u->told[at] = told + (1ULL << 32);
    return 0;
  }
  if (told) {
    other = at ^ 1;
    BOUND(other, 63);
    told = u->told[other];
    if ((u32)told == (u32)tag) {
      u->told[other] = told + (1ULL << 32);
      return 0;
    }
    /* The one that came less often makes way. */
    if (!told || told >> 32 < u->told[at] >> 32)
      at = other;
    BOUND(at, 63);
    told = u->told[at];
    if (told >> 32) {
      u->records++;
      e = bpf_ringbuf_reserve(&unit_events, sizeof(*e), 0);
      if (e) {
        e->type = UNIT_AGAIN;
        e->id = u->id;
        e->sequence = u->sequence;
        e->place = u->calls - 1;
        e->tag = told;
        e->again = told >> 32;
        e->ninth = 0;
        e->zero = 0;
        e->near = 0;
        e->far = 0;
        bpf_ringbuf_submit(e, wake_flags());
      } else {
        lose_unit_event();
      }
    }
  }
  u->told[at] = (u32)tag;
  u->records++;
  e = bpf_ringbuf_reserve(&unit_events, sizeof(*e), 0);
  if (!e) {
    lose_unit_event();
    return 0;
  }
  e->type = UNIT_WINDOW;
  e->id = u->id;
  e->sequence = u->sequence;
  e->place = u->calls - 1;
  e->tag = tag;
  e->again = w->slot;
  e->ninth = w->ninth;
  e->zero = 0;
  e->near = st->near;
  e->far = st->far;
  bpf_ringbuf_submit(e, wake_flags());
  return 0;
}

/* What is at one of the places of a hash; 0: nothing of it. `at` is where. */
static __always_inline u32 find_slot(u64 table, u64 hash, u64 *at)
{
  u64 slot = hash >> 50 & (slots_of(table) - 1), in, base = slot & ~(u64)(CHUNK - 1);
  u32 chunk = ((table >> 8) & 0xffffff) + (slot >> 9), print = (u32)hash >> 9, got;
  struct chunk *c = bpf_map_lookup_elem(&grams, &chunk);

  if (!c)
    return 0;
  if (!print)
    print = 1;
  in = slot;
  BOUND(in, 511);
  got = c->slot[in];
  if (got >> 9 == print)
    goto found;
  in++;
  BOUND(in, 511);
  got = c->slot[in];
  if (got >> 9 == print)
    goto found;
  in++;
  BOUND(in, 511);
  got = c->slot[in];
  if (got >> 9 != print)
    return 0;
found:
  *at = base | in;
  return got;
}

/* After the window has taken in the call; `ninth` is the call that fell out of it. */
static __always_inline void count_gram(struct task_struct *task, struct state *st, struct profile *p, u64 ninth)
{
  u32 id = st->unit, n, entry = 0;
  u64 table = p->grams, hash, at = 0, word, bit;
  struct unit *u = bpf_map_lookup_elem(&units, &id);

  if (!u)
    return;
  if (!id || u->table != table || u->judge != p->judge || u->profile != st->profile) {
    u = make_unit(task, st, p);
    if (!u)
      return;
  }
  n = u->calls + 1;
  u->calls = n;
  if (n <= GRAM_CALLS) {
    u->head_near = st->near;
    u->head_far = st->far;
    if (n < GRAM_CALLS)
      return;
    ninth = NO_CALL;
  }
  hash = gram_hash(st->near, st->far);
  if (table)
    entry = find_slot(table, hash, &at);
  if (entry) {
    u->cost += entry & 0xff;
    word = at >> 6;
    BOUND(word, 255);
    bit = 1ULL << (at & 63);
    if (!(entry & 0x100) || (u->touched[word] & bit))
      entry = 0;
    u->touched[word] |= bit;
    /* Known 8-grams hold known pairs up to distance 7: the eighth is looked up apart. */
    if (!entry && (p->mask & 0x80) && n > GRAM_CALLS) {
      u64 pair = gram_hash((st->near & 0xffff) | ninth << 16 | (u64)NO_CALL << 32, 0);
      entry = !find_slot(table, pair, &at);
    }
    if (entry && n > GRAM_CALLS) {
      struct window w = {st, u, hash, ninth, 1, p->mask & 0x80};
      tell_window(&w);
    }
  } else {
    struct window w = {st, u, hash, ninth, 0, p->mask & 0x80};
    u->unknown++;
    tell_window(&w);
  }
  if (!(n & 127)) {
    u32 cost = u->cost + 64 * u->unknown;
    if (cost - u->frame_cost > u->frame_most)
      u->frame_most = cost - u->frame_cost;
    u->frame_cost = cost;
  }
  if (n >= UNIT_CALLS)
    end_unit(task, u, UNIT_FULL, 0);
}
