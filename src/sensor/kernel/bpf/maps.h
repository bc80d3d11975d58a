/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Sizes are those of a small host; whoever loads the program chooses others. */
#pragma once

#define ARRAY(NAME, VALUE, ENTRIES)                \
  struct {                                         \
    __uint(type, BPF_MAP_TYPE_ARRAY);              \
    __uint(map_flags, BPF_F_MMAPABLE);             \
    __uint(max_entries, ENTRIES);                  \
    __type(key, u32);                              \
    __type(value, VALUE);                          \
  } NAME SEC(".maps")

#define QUEUE(NAME, ENTRIES)            \
  struct {                              \
    __uint(type, BPF_MAP_TYPE_QUEUE);   \
    __uint(max_entries, ENTRIES);       \
    __type(value, u32);                 \
  } NAME SEC(".maps")

ARRAY(ctl, struct ctl, 1);
ARRAY(profiles, struct profile, 64);
ARRAY(rows, struct row, 256);
/* Calls per profile and CPU: exact without atomics, since only its own CPU writes a word. */
ARRAY(counts, u64, 64);
ARRAY(cpus, struct cpu, 1);
/*
 * What each task carries, found by its pid without a call into the kernel: a task storage look-up costs as much as all
 * the rest of a settled call, where returns are mitigated several times that.
 */
ARRAY(states, struct state, STATES);
QUEUE(free_profiles, 64);
QUEUE(free_rows, 256);

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, struct key);
  __type(value, u32);
} keys SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, struct interpreter);
  __type(value, struct interpreted);
} interpreters SEC(".maps");

/* Processes that are being delayed. Its size is the limit on how many may be, enforced here in the kernel. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, u32);
  __type(value, u64);
} stopping SEC(".maps");

/* Processes that are never stopped (by thread group). */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, u32);
  __type(value, u32);
} exempt SEC(".maps");

/* For tasks that find their slot of `states` taken. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct state);
} tasks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} events SEC(".maps");

/* Gram slots of the profiles, a few chunks each, and the units of the tasks. Element 0 of `units` stays all zero. */
ARRAY(grams, struct chunk, 64);
ARRAY(units, struct unit, 64);
QUEUE(free_units, 64);

/* Apart from `events`: what the judgement needs must not push out what pH tells. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} unit_events SEC(".maps");
