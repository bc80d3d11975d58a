/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which script an interpreter runs: what a #! line was in, or else the first argument. Only its hash is kept here; whoever
 * names the profile finds the name with that hash among the arguments (../script.ts has the same hash).
 */
#pragma once

#define NAME_WORDS 32  /* of 8 bytes: what of a name is hashed */

struct reading {
  u64 at;
  u64 hash;
  u32 user;
  u32 done;
};

/* Eight bytes of a name, those after its NUL as 0. */
static long read_name(u32 index, struct reading *r)
{
  u64 word = 0, ends;
  long failed = r->user ? bpf_probe_read_user(&word, 8, (void *)r->at) : bpf_probe_read_kernel(&word, 8, (void *)r->at);
  if (failed)
    return 1;
  ends = (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
  if (ends)
    word &= ((ends & -ends) >> 7) - 1;
  r->hash = (r->hash ^ word) * 0x9e3779b97f4a7c15ULL;
  r->hash ^= r->hash >> 32;
  r->at += 8;
  r->done = ends != 0 || index == NAME_WORDS - 1;
  return r->done;
}

/* Hash of a name, and of the folder it is relative to; 0: it cannot be read, or is none. */
static __noinline u32 hash_name(struct task_struct *task, u64 at, u32 user)
{
  struct reading r = {.at = at, .user = user};
  char first = 0;
  u64 hash;

  if (!task)
    return 0;
  if (user)
    bpf_probe_read_user(&first, 1, (void *)at);
  else
    bpf_probe_read_kernel(&first, 1, (void *)at);
  if (!first || first == '-')
    return 0;
  bpf_loop(NAME_WORDS, read_name, &r, 0);
  if (!r.done)
    return 0;
  hash = r.hash;
  if (first != '/')
    hash = (hash ^ BPF_CORE_READ(task, fs, pwd.dentry, d_inode, i_ino)) * 0x9e3779b97f4a7c15ULL;
  return hash >> 32 | 1;
}

struct skipping {
  u64 at;
  u32 found;
};

static long skip_byte(u32 index, struct skipping *s)
{
  char byte = 1;
  if (bpf_probe_read_user(&byte, 1, (void *)s->at))
    return 1;
  s->at++;
  s->found = byte == 0;
  return s->found;
}

/* `binary`: what is being executed; 0: the task was there before us, and only its arguments tell. */
static __noinline u32 script_of(struct task_struct *task, struct file *file, struct linux_binprm *binary)
{
  struct interpreter key = {};
  struct skipping s = {};
  u64 end;

  if (!task || !file)
    return 0;
  key.ino = BPF_CORE_READ(file, f_inode, i_ino);
  key.dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
  /* Of overlay and btrfs user space is told another number of major 0. */
  if (!(key.dev >> 20))
    key.dev = 0;
  if (!bpf_map_lookup_elem(&interpreters, &key))
    return 0;
  if (binary) {
    const char *filename = BPF_CORE_READ(binary, filename);
    if (filename != BPF_CORE_READ(binary, interp))
      return hash_name(task, (u64)filename, 0);
  }
  s.at = BPF_CORE_READ(task, mm, arg_start);
  end = BPF_CORE_READ(task, mm, arg_end);
  bpf_loop(256, skip_byte, &s, 0);
  if (!s.found || s.at >= end)
    return 0;
  return hash_name(task, s.at, 1);
}

/* The first arguments, for whoever names the script. */
static __always_inline void tell_script(struct profile_event *e, struct task_struct *task, u32 script)
{
  u64 at = BPF_CORE_READ(task, mm, arg_start);
  long got;

  e->script = script;
  e->folder_ino = BPF_CORE_READ(task, fs, pwd.dentry, d_inode, i_ino);
  e->folder_dev = BPF_CORE_READ(task, fs, pwd.dentry, d_inode, i_sb, s_dev);
  e->arguments[0] = 0;
  e->arguments[256] = 0;
  e->arguments[512] = 0;
  if (!script)
    return;
  got = bpf_probe_read_user_str(e->arguments, 256, (void *)at);
  if (got <= 0)
    return;
  at += got;
  got = bpf_probe_read_user_str(e->arguments + 256, 256, (void *)at);
  if (got <= 0)
    return;
  at += got;
  bpf_probe_read_user_str(e->arguments + 512, 256, (void *)at);
}
