/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Which profile a task belongs to, and where its executable is. None of this is on the path of a settled call. */
#pragma once

static __always_inline struct cpu *this_cpu(void)
{
  u32 cpu = bpf_get_smp_processor_id();
  return bpf_map_lookup_elem(&cpus, &cpu);
}

/* The template is empty so that clang cannot prove the mask needless and drop it: older verifiers want to see it. */
#define BOUND(VALUE, MASK) asm volatile("%0 &= " #MASK : "+r"(VALUE))

static __always_inline void fill(struct event *e, u32 type, struct task_struct *task, struct state *st)
{
  e->type = type;
  e->profile = st->profile;
  e->generation = st->generation;
  e->tgid = task->tgid;
  e->tid = task->pid;
  e->current = 0;
  e->time = bpf_ktime_get_ns();
  e->start = task->group_leader->start_boottime;
  e->task_calls = st->calls;
  e->near = st->near;
  e->far = st->far;
  e->missing = 0;
  e->lfc = st->lfc;
  e->max_lfc = st->max_lfc;
  e->anomalies = 0;
  e->anomalous = st->anomalous;
}

static __always_inline void lose_event(void)
{
  struct cpu *c = this_cpu();
  if (c)
    c->lost_events++;
}

struct walk {
  struct profile_event *e;
  struct dentry *dentry;
  struct mount *mount;
  u32 length;
  u32 complete;
};

/* One step of the walk from a file's dentry to the root of the mount tree; mounts are crossed at their roots. */
static long walk_step(u32 index, struct walk *w)
{
  struct dentry *dentry = w->dentry, *parent;
  struct mount *mount = w->mount, *above;
  const unsigned char *name;
  u64 at = w->length;
  long got;

  if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
    above = BPF_CORE_READ(mount, mnt_parent);
    if (above == mount) {
      w->complete = 1;
      return 1;
    }
    w->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
    w->mount = above;
    return 0;
  }
  parent = BPF_CORE_READ(dentry, d_parent);
  /* A root that is no mount's: memfd, or a file of a mount that is gone. Its own name is all there is. */
  if (parent == dentry && at)
    return 1;
  if (at >= NAMES)
    return 1;
  BOUND(at, 1023);
  name = BPF_CORE_READ(dentry, d_name.name);
  got = bpf_probe_read_kernel_str(&w->e->names[at], 256, name);
  if (got < 0 || parent == dentry) {
    if (got > 0)
      w->length = at + got;
    return 1;
  }
  w->length = at + got;
  w->dentry = parent;
  return 0;
}

static __noinline int announce(struct task_struct *task, struct file *file, struct state *st, struct key *key)
{
  struct walk w = {};
  struct profile_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
  if (!e) {
    lose_event();
    return 0;
  }
  fill(&e->head, EVENT_PROFILE, task, st);
  e->ino = key->ino;
  e->dev = key->dev;
  e->inode_generation = key->inode_generation;
  e->abi = key->abi;
  e->mount_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
  e->nlink = BPF_CORE_READ(file, f_inode, i_nlink);
  e->spare = 0;
  w.e = e;
  w.dentry = BPF_CORE_READ(file, f_path.dentry);
  w.mount = (void *)BPF_CORE_READ(file, f_path.mnt) - bpf_core_field_offset(struct mount, mnt);
  bpf_loop(128, walk_step, &w, 0);
  tell_script(e, task, st);
  e->length = w.length;
  e->complete = w.complete;
  bpf_ringbuf_submit(e, 0);
  return 0;
}

/* No slot is free: say so once, until user space has answered. */
static __always_inline void press(struct task_struct *task, struct state *st)
{
  u32 zero = 0;
  struct event *e;
  struct ctl *k = bpf_map_lookup_elem(&ctl, &zero);
  if (!k || __sync_val_compare_and_swap(&k->pressure, 0, 1))
    return;
  e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
  if (!e) {
    lose_event();
    return;
  }
  fill(e, EVENT_PRESSURE, task, st);
  bpf_ringbuf_submit(e, 0);
}

static __always_inline u32 restart_number(u32 abi)
{
  struct thread_info___x86 *x86 = 0;
  if (!bpf_core_field_exists(x86->status))
    return 128;
  return abi == COMPAT ? 0 : 219;
}

/* Takes a free slot for `key`. Another CPU may be first: then its slot is the one. Answers 0 when none is free. */
static __always_inline u32 new_profile(struct key *key)
{
  u32 id = 0, *found;
  struct profile *p;

  if (bpf_map_pop_elem(&free_profiles, &id))
    return 0;
  p = bpf_map_lookup_elem(&profiles, &id);
  if (!p)
    return 0;
  p->dev = key->dev;
  p->ino = key->ino;
  p->inode_generation = key->inode_generation;
  p->abi = key->abi;
  p->script = key->script;
  p->restart_nr = restart_number(key->abi);
  p->used = 1;
  if (bpf_map_update_elem(&keys, key, &id, BPF_NOEXIST) == 0)
    return id;
  p->used = 0;
  bpf_map_push_elem(&free_profiles, &id, 0);
  found = bpf_map_lookup_elem(&keys, key);
  return found ? *found : 0;
}

static __always_inline void leave(struct state *st)
{
  struct profile *p;
  if (!st->profile)
    return;
  p = bpf_map_lookup_elem(&profiles, &st->profile);
  if (p && p->generation == st->generation)
    __sync_fetch_and_add(&p->tasks, -1);
}

/* Whether one more script of its interpreter may have a profile; counts it. */
static __always_inline u32 room_for_script(struct key *key)
{
  struct interpreter at = {.ino = key->ino, .dev = key->dev >> 20 ? key->dev : 0};
  struct interpreted *how = bpf_map_lookup_elem(&interpreters, &at);
  if (!how)
    return 1;
  if (how->scripts >= how->most)
    return 0;
  __sync_fetch_and_add(&how->scripts, 1);
  return 1;
}

/* Slot 0 when there is no room: tried again when slot 0's generation changes, which is when slots came free. */
static __noinline int attach(struct task_struct *task, struct file *file, struct state *st, u32 abi)
{
  struct key key = {};
  struct profile *p;
  u32 *found, id;

  if (!task || !file || !st)
    return 0;
  key.dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
  key.ino = BPF_CORE_READ(file, f_inode, i_ino);
  key.inode_generation = BPF_CORE_READ(file, f_inode, i_generation);
  key.abi = abi;
  key.script = st->script;
  leave(st);
  st->abi = abi;
  found = bpf_map_lookup_elem(&keys, &key);
  if (!found && key.script && !room_for_script(&key)) {
    struct cpu *c = this_cpu();
    if (c)
      c->scripts_refused++;
    key.script = st->script = 0;
    found = bpf_map_lookup_elem(&keys, &key);
  }
  id = found ? *found : new_profile(&key);
  st->profile = id;
  st->generation = 0;
  p = bpf_map_lookup_elem(&profiles, &id);
  if (!p)
    return 0;
  st->generation = p->generation;
  if (!id) {
    press(task, st);
    return 0;
  }
  /* Given up between the look-up and here: the next call tries again. */
  if (!p->used) {
    st->profile = 0;
    st->generation = 0;
    return 0;
  }
  __sync_fetch_and_add(&p->tasks, 1);
  if (!p->announced)
    announce(task, file, st, &key);
  return 0;
}

static __always_inline void tell_end(struct task_struct *task, struct state *st)
{
  struct event *e;
  if (!st->anomalous)
    return;
  e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
  if (!e) {
    lose_event();
    return;
  }
  fill(e, EVENT_ENDED, task, st);
  bpf_ringbuf_submit(e, 0);
}
