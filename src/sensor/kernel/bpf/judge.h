/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What a call does when it is not settled: a pair is unknown, or the task's locality frame holds anomalies. In pH's
 * order: train, test, locality frame, tolerize limit, delay. As the training and the test table do not touch one
 * another, testing comes first here: then a call whose training would be dropped at once need not be trained.
 */
#pragma once

struct call {
  struct task_struct *task;
  struct state *st;
  struct profile *p;
  struct row *row;
  u64 slot;
  u64 ip;
  u64 number;
  u32 missing;
};

struct sum {
  u32 profile;
  u32 stride;
  u64 calls;
};

static long add_cpu(u32 cpu, struct sum *s)
{
  u32 at = cpu * s->stride + s->profile;
  u64 *n = bpf_map_lookup_elem(&counts, &at);
  if (n)
    s->calls += *n;
  return 0;
}

/* All calls of the profile up to now, this one included. */
static __always_inline u64 total_calls(struct ctl *k, struct profile *p, u32 profile)
{
  struct sum s = {.profile = profile, .stride = p->stride};
  bpf_loop(k->cpus, add_cpu, &s, 0);
  return s.calls;
}

struct drop {
  u32 profile;
};

static long drop_row(u32 index, struct drop *d)
{
  struct profile *p = bpf_map_lookup_elem(&profiles, &d->profile);
  u64 at = index;
  struct row *row;
  u64 *words;
  u32 id;

  if (!p)
    return 1;
  BOUND(at, 511);
  id = p->row[at];
  if (!id)
    return 0;
  row = bpf_map_lookup_elem(&rows, &id);
  if (!row)
    return 0;
  words = (u64 *)row;
  for (int i = 0; i < SLOTS / 4; i++)
    if (words[i])
      words[i] &= 0xff00ff00ff00ff00ULL;
  return 0;
}

static __noinline int drop_training(struct profile *p, u32 profile)
{
  struct drop d = {.profile = profile};
  if (!p)
    return 0;
  p->dirty = 0;
  p->sequences = 0;
  bpf_loop(SLOTS, drop_row, &d, 0);
  return 0;
}

static __always_inline void tell(struct call *c, u32 type, u32 missing)
{
  struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
  if (!e) {
    lose_event();
    return;
  }
  fill(e, type, c->task, c->st);
  e->current = c->slot;
  e->missing = missing;
  e->anomalies = c->p->anomalies;
  bpf_ringbuf_submit(e, 0);
}

/* The row of the current call, made when the profile has none. 0: no row is free. */
static __always_inline struct row *own_row(struct call *c)
{
  u64 slot = c->slot;
  u32 id = 0, was;

  BOUND(slot, 511);
  was = c->p->row[slot];
  if (!was) {
    if (bpf_map_pop_elem(&free_rows, &id))
      return 0;
    was = __sync_val_compare_and_swap(&c->p->row[slot], 0, id);
    if (was)
      bpf_map_push_elem(&free_rows, &id, 0);
    else
      was = id;
  }
  return bpf_map_lookup_elem(&rows, &was);
}

static __always_inline void learn(struct row *row, u64 window, u32 missing, u32 first)
{
  u8 *bytes = (u8 *)row;
  for (int i = 0; i < 4; i++) {
    u64 at = (window >> (16 * i)) & 0xffff;
    BOUND(at, 511);
    if (missing & (first << i))
      bytes[2 * at] |= first << i;
  }
}

static __always_inline void train(struct call *c, struct ctl *k)
{
  u32 missing = c->missing & 0xff;
  struct row *row = own_row(c);

  if (!row) {
    struct cpu *cpu = this_cpu();
    if (cpu)
      cpu->rows_refused++;
    return;
  }
  learn(row, c->st->near, missing, 1);
  learn(row, c->st->far, missing, 16);
  c->p->dirty = 1;
  __sync_fetch_and_add(&c->p->sequences, 1);
  c->p->mod_total = total_calls(k, c->p, c->st->profile);
  tell(c, EVENT_NOVELTY, missing);
}

static __always_inline void reset_frame(struct state *st)
{
  st->frame[0] = 0;
  st->frame[1] = 0;
  st->lfc = 0;
  st->max_lfc = 0;
  st->over = 0;
}

/* pH's pH_add_anomaly_count: a call counts once, however many of its pairs are unknown. */
static __always_inline void move_frame(struct state *st, u32 size, bool anomalous)
{
  u64 at, bit, word;

  if (st->frame_size != size) {
    /* A frame of another size cannot be carried over. */
    reset_frame(st);
    st->frame_size = size;
  }
  at = st->frame_at + 1;
  if (at >= size)
    at = 0;
  st->frame_at = at;
  bit = 1ULL << (at & 63);
  word = (at >> 6) & 1;
  BOUND(word, 1);
  if (anomalous) {
    if (!(st->frame[word] & bit)) {
      st->frame[word] |= bit;
      st->lfc++;
      if (st->lfc > st->max_lfc)
        st->max_lfc = st->lfc;
    }
  } else if (st->frame[word] & bit) {
    st->frame[word] &= ~bit;
    st->lfc--;
  }
}

/*
 * Stops the process; user space continues it when its delay is over. No stop without an event that tells of it, and
 * none beyond the number of processes that may be stopped at once (the size of `stopping`): both fail open.
 */
static __always_inline void delay(struct call *c, struct ctl *k)
{
  struct task_struct *task = c->task;
  u32 tgid = task->tgid;
  u64 now = bpf_ktime_get_ns();
  struct cpu *cpu = this_cpu();
  struct event *e;
  long new;

  if (!cpu || tgid <= 1 || task->ptrace || bpf_map_lookup_elem(&exempt, &tgid))
    return;
  if (BPF_CORE_READ(task, signal, pids[2], numbers[0].nr) == k->own_group)
    return;
  new = bpf_map_update_elem(&stopping, &tgid, &now, BPF_NOEXIST);
  if (new && new != -17) {
    cpu->stops_refused++;
    return;
  }
  e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
  if (!e) {
    cpu->lost_events++;
    cpu->stops_refused++;
    if (!new)
      bpf_map_delete_elem(&stopping, &tgid);
    return;
  }
  fill(e, EVENT_DELAY, task, c->st);
  e->current = c->slot;
  if (bpf_send_signal(19)) {
    cpu->stops_refused++;
    bpf_ringbuf_discard(e, 0);
    if (!new)
      bpf_map_delete_elem(&stopping, &tgid);
    return;
  }
  cpu->stops++;
  /* A call that the stop interrupts comes again after it: stopping that too would never end. */
  c->st->restart_ip = c->ip;
  c->st->restart_nr = c->number;
  c->st->mark = RESTARTED;
  bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void judge(struct call *c)
{
  struct state *st = c->st;
  struct profile *p = c->p;
  u32 zero = 0, missing = c->missing >> 8, stopped = 0;
  struct ctl *k = bpf_map_lookup_elem(&ctl, &zero);

  if (!k)
    return;
  if (missing) {
    if (p->anomalies > k->anomaly_limit) {
      stopped = 1;
      p->need = p->mask;
      reset_frame(st);
    }
    __sync_fetch_and_add(&p->anomalies, 1);
    st->anomalous++;
  }
  if (missing || st->lfc)
    move_frame(st, k->locality_window, missing != 0);
  if (missing)
    tell(c, EVENT_ANOMALY, missing);
  if (stopped)
    tell(c, EVENT_NORMAL_STOPPED, 0);
  if (st->lfc > k->tolerize_limit) {
    /* Training stays empty while LFC is above the limit, so dropping it once is enough. */
    u64 calls = total_calls(k, p, st->profile);
    if (p->dirty)
      drop_training(p, st->profile);
    p->train_base = calls;
    p->mod_total = calls;
    p->anomalies = 0;
    if (!st->over)
      tell(c, EVENT_TRAINING_RESET, 0);
    st->over = 1;
  } else {
    st->over = 0;
    if (c->missing & 0xff)
      train(c, k);
  }
  if (st->lfc && p->armed)
    delay(c, k);
}
