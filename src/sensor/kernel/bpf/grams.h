/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the judgement needs of a task's calls: which 8-grams of its profile it touched, what they cost, and each window
 * that is unknown or rare, once. Nothing here changes anything of pH; with profile.judge 0 nothing of it runs.
 */
#pragma once

#define NO_CALL 0xffff  /* not of this unit */

/* ../../../homeostasis/judgement/slots.ts has the same. */
static __always_inline u64 gram_hash(u64 near, u64 far)
{
  u64 hash = near * 0x9e3779b97f4a7c15ULL;
  hash ^= hash >> 32;
  hash = (hash + far) * 0xc2b2ae3d27d4eb4fULL;
  return hash ^ hash >> 32;
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
