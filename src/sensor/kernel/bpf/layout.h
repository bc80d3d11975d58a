/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the program and the process that loads it share. ../layout.ts is the other half; tests compare the two. */
#pragma once

#define SLOTS 512
#define OUT_OF_RANGE 510
#define EMPTY 511
#define PREVIOUS 8
#define EMPTY_WINDOW 0x01ff01ff01ff01ffULL
#define ALL_VALID 0xffff

#define NATIVE 0
#define COMPAT 1

#define GRAM_CALLS 8
#define UNIT_CALLS 16384
#define CHUNK 512     /* gram slots in an element of `grams`: 2 KiB */
#define GRAM_SLOTS 16384  /* of a profile at most */
#define TOLD 64       /* windows without a slot that a unit remembers having told of */

/* How a unit ended. */
#define UNIT_EXIT 1
#define UNIT_EXEC 2
#define UNIT_FULL 3
#define UNIT_MOVED 4  /* its task went over to another profile */

#define RESTARTED 1  /* state.mark: the next call may be one that a stop interrupted */

#define EVENT_PROFILE 1
#define EVENT_NOVELTY 2
#define EVENT_ANOMALY 3
#define EVENT_NORMAL_STOPPED 4
#define EVENT_TRAINING_RESET 5
#define EVENT_DELAY 6
#define EVENT_ENDED 7
#define EVENT_PRESSURE 8

/* Records of `unit_events`. */
#define UNIT_WINDOW 1   /* a window without a slot, or with a rare one */
#define UNIT_AGAIN 2    /* how often a window that was told of came again */
#define UNIT_TOUCHED 3  /* the slots touched of a table that is replaced */
#define UNIT_ENDED 4

/* One binary under one ABI. Slot 0 stands for "no profile": its generation changes when slots come free. */
struct profile {
  u32 generation;  /* tasks attached to another generation attach again */
  u32 need;        /* distances that must be known: low byte training, high byte test (0 when not normal) */
  u32 mask;        /* distances of the window: bit d-1 */
  u32 stride;      /* counts[cpu * stride + profile] */
  u32 restart_nr;  /* the ABI's restart_syscall */
  u32 used;
  u32 tasks;
  u32 anomalies;
  u64 train_base;  /* train_count = calls - train_base */
  u64 mod_total;   /* last_mod_count = calls - mod_total */
  u64 sequences;
  u32 dirty;       /* training data since it was last dropped */
  u32 abi;
  u32 dev;
  u32 inode_generation;
  u64 ino;
  u32 announced;   /* written by user space: it knows this profile */
  u32 armed;       /* written by user space: stop its tasks while their LFC is above 0 */
  u64 grams;       /* written by user space: its slots, see `struct unit.table`; 0: none */
  u32 judge;       /* written by user space: 0: its units are not watched; changes when they are again */
  u32 script;      /* hash of the script that this interpreter runs, or 0 */
  u64 spare[3];
  u32 row[SLOTS];  /* index into `rows`; 0: none */
};
_Static_assert(sizeof(struct profile) == 128 + 4 * SLOTS, "layout.ts");

/* The pairs (current, previous): low byte training, high byte test, bit d-1: seen at distance d. */
struct row {
  u16 pair[SLOTS];
};

struct cpu {
  u64 seen;
  u64 restarted;      /* restarted calls and restart_syscall */
  u64 no_program;     /* tasks without a program */
  u64 no_room;        /* calls of tasks for which there was no profile slot */
  u64 no_state;       /* calls of tasks for which there was no task storage */
  u64 lost_events;
  u64 rows_refused;
  u64 stops;
  u64 stops_refused;  /* too many processes were stopped already, or no event could be sent */
  u64 forks_lost;     /* children whose window could not be copied */
  u64 units_refused;  /* units not watched: no room for one more */
  u64 unit_events_lost;
  u64 scripts_refused;  /* images of a script that got no profile of its own: its interpreter has too many */
  u64 spare[3];
};
_Static_assert(sizeof(struct cpu) == 128, "layout.ts");

struct ctl {
  u32 anomaly_limit;
  u32 tolerize_limit;
  u32 locality_window;
  u32 cpus;
  u32 own_group;  /* process group of the sensor: never stopped */
  u32 pressure;   /* slots ran out and user space has not answered yet */
  u32 spare[10];
};
_Static_assert(sizeof(struct ctl) == 64, "layout.ts");

struct key {
  u32 dev;
  u32 inode_generation;
  u64 ino;
  u32 abi;
  u32 script;
};

/* A program whose scripts have profiles of their own. */
struct interpreter {
  u64 ino;
  u32 dev;
  u32 zero;
};

#define LONG_CODES 4
#define LONG_VALUES 8

/*
 * What is known of an interpreter's options. Letters: bit 0 is A. `code`: what follows is no script (a command, a module,
 * standard input); `value`: a value follows, in the argument or as the next; `attached`: the rest of the argument is a
 * value. Long options by hash (h * 31 + byte); without a first code none is known, and each means that there is no script.
 */
struct interpreted {
  u64 code;
  u64 value;
  u64 attached;
  u32 long_code[LONG_CODES];
  u32 long_value[LONG_VALUES];
  u32 scripts;  /* profiles of its scripts; counted up here, set right by user space */
  u32 most;     /* beyond so many a script is of the interpreter's own profile */
};
_Static_assert(sizeof(struct interpreted) == 80, "layout.ts");

/* Power of two; pids beyond it share slots, and whoever finds its slot taken is kept in task storage instead. */
#define STATES 16384

/* What a task carries. The first 64 bytes are all that a call of a settled program touches. */
struct state {
  u32 tid;     /* whose it is; 0: nobody's */
  u32 profile;
  u32 generation;
  u32 mark;
  u64 near;    /* slots of the calls 1..4 back, nearest lowest */
  u64 far;     /* 5..8 back */
  u32 valid;   /* distances of which the call is known, as in profile.need */
  u32 abi;
  u32 lfc;
  u32 over;    /* LFC is above the tolerize limit, and that was told */
  u64 calls;
  u32 unit;    /* index into `units`; 0: none */
  u32 decided; /* whether it runs a script, and which, is known */
  u64 frame[2];
  u32 frame_at;
  u32 frame_size;
  u32 max_lfc;
  u32 script;  /* as in profile.script, of the image it runs */
  u64 anomalous;
  u64 restart_ip;
  u64 restart_nr;
  u32 script_at;  /* where the script's name is in the arguments; 0: a #! line named it */
  u32 spare;
};
_Static_assert(sizeof(struct state) == 128, "two cache lines");

struct event {
  u32 type;
  u32 profile;
  u32 generation;
  u32 tgid;
  u32 tid;
  u32 current;
  u64 time;  /* CLOCK_MONOTONIC */
  u64 start; /* of the process, ns since boot */
  u64 task_calls;
  u64 near;
  u64 far;
  u32 missing;
  u32 lfc;
  u32 max_lfc;
  u32 anomalies;
  u64 anomalous;
};
_Static_assert(sizeof(struct event) == 88, "layout.ts");

#define NAMES 1024
struct profile_event {
  struct event head;
  u64 ino;
  u32 dev;
  u32 inode_generation;
  u32 abi;
  u32 mount_namespace;
  u32 nlink;
  u32 length;        /* bytes of names */
  u32 complete;      /* the walk reached the root */
  u32 spare;
  char names[NAMES + 256];  /* leaf first, each ended by NUL */
  u64 folder_ino;    /* where the task is: a script's path may be relative to it */
  u32 folder_dev;
  u32 script;        /* as in profile.script */
  char arguments[3 * 256];  /* the first three; empty when there is no script */
};

struct task_record {
  u32 tgid;
  u32 tid;
  u32 profile;
  u32 generation;
  u64 calls;
  u64 anomalous;
  u32 lfc;
  u32 max_lfc;
};
_Static_assert(sizeof(struct task_record) == 40, "layout.ts");

/* Gram slots: 23 bits of the gram's hash (never 0), a bit "ends in a rare 3-gram", 8 bits of cost. 0: free. */
struct chunk {
  u32 slot[CHUNK];
};

/*
 * The process image that a task runs, or 16,384 calls of it: what is judged as one. UNIT_TOUCHED and UNIT_ENDED are the
 * whole of it, up to the touched slots of its table.
 */
struct unit {
  u32 type;
  u32 id;
  u64 table;       /* version << 32 | first chunk << 8 | log2 of its slots; 0: none */
  u32 calls;
  u32 cost;        /* of the calls that have a slot, in sixteenths of a bit */
  u32 unknown;     /* calls from the 8th on that have none */
  u32 records;     /* sent or lost before UNIT_ENDED */
  u32 frame_cost;  /* cost when this frame of 128 calls began */
  u32 frame_most;  /* the dearest frame; 64 for each call without a slot */
  u32 sequence;
  u32 judge;       /* profile.judge when it began */
  u32 profile;
  u32 generation;
  u32 tgid;
  u32 tid;
  u64 head_near;   /* its first 8 calls, as in state.near; of a shorter unit the last 8 */
  u64 head_far;
  u64 time;        /* CLOCK_MONOTONIC, when it ended */
  u32 reason;
  u32 next;        /* UNIT_EXEC: the profile of what was started */
  u64 begun;       /* calls of its task before it: 0 for the first of an image */
  u32 fresh;       /* its first call is the first after an exec */
  u32 zero;
  u64 spare[2];
  u64 told[TOLD];  /* high half: times it came again; low half: tag of the window */
  u64 touched[GRAM_SLOTS / 64];
};
_Static_assert(sizeof(struct unit) == 128 + 8 * TOLD + GRAM_SLOTS / 8, "layout.ts");

struct unit_window {
  u32 type;
  u32 id;
  u32 sequence;
  u32 place;       /* of its last call in the unit, from 0 */
  u32 tag;
  u32 again;       /* UNIT_AGAIN: times it came again; UNIT_WINDOW: 1 if it has a slot */
  u32 ninth;       /* the call 8 before; 0xffff: the unit has none */
  u32 zero;
  u64 near;        /* the last 8, this one lowest */
  u64 far;
};
_Static_assert(sizeof(struct unit_window) == 48, "layout.ts");
