/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which script an interpreter runs: what a #! line was in, or else the first argument that is no option. Only its hash is
 * kept here; whoever names the profile finds the name with that hash among the arguments (../script.ts has the same hash).
 * A name in a temporary place, or one of an open file, is no script's: it is another each time, so no profile of it would
 * ever settle, and whoever can write there could have as many as he likes.
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

/* Words as a little-endian machine reads them. */
#define WORD(a, b, c, d, e, f, g, h)                                                                             \
  ((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40 | (u64)(g) << 48 | \
   (u64)(h) << 56)
#define BYTES(n) ((1ULL << 8 * (n)) - 1)

static __always_inline long read_bytes(void *to, u32 bytes, u64 at, u32 user)
{
  return user ? bpf_probe_read_user(to, bytes, (void *)at) : bpf_probe_read_kernel(to, bytes, (void *)at);
}

/* /dev/fd/N, /dev/stdin, /proc/..., /tmp/..., /var/tmp/..., /dev/shm/... */
static __always_inline u32 is_passing(u64 at, u32 user)
{
  u64 word = 0;
  char after = 0;

  if (read_bytes(&word, 8, at, user))
    return 0;
  if (word == WORD('/', 'd', 'e', 'v', '/', 'f', 'd', '/') || word == WORD('/', 'd', 'e', 'v', '/', 's', 't', 'd'))
    return 1;
  if ((word & BYTES(6)) == WORD('/', 'p', 'r', 'o', 'c', '/', 0, 0))
    return 1;
  if ((word & BYTES(5)) == WORD('/', 't', 'm', 'p', '/', 0, 0, 0))
    return 1;
  if (word != WORD('/', 'v', 'a', 'r', '/', 't', 'm', 'p') && word != WORD('/', 'd', 'e', 'v', '/', 's', 'h', 'm'))
    return 0;
  read_bytes(&after, 1, at + 8, user);
  return after == '/';
}

struct climb {
  struct dentry *dentry, *top, *second;
  struct mount *mount;
};

static long climb_step(u32 index, struct climb *c)
{
  struct dentry *dentry = c->dentry, *parent;
  struct mount *mount = c->mount, *above;

  if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
    above = BPF_CORE_READ(mount, mnt_parent);
    if (above == mount)
      return 1;
    c->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
    c->mount = above;
    return 0;
  }
  parent = BPF_CORE_READ(dentry, d_parent);
  if (parent == dentry)
    return 1;
  c->second = c->top;
  c->top = dentry;
  c->dentry = parent;
  return 0;
}

static __always_inline u32 name_is(struct dentry *dentry, u64 wanted)
{
  u64 word = 0;
  if (!dentry)
    return 0;
  bpf_probe_read_kernel(&word, 4, (void *)BPF_CORE_READ(dentry, d_name.name));
  return word == wanted;
}

/* Whether the task is in /tmp, /var/tmp or /dev/shm: a relative name is of there. */
static __always_inline u32 is_in_passing(struct task_struct *task)
{
  struct climb c = {};

  c.dentry = BPF_CORE_READ(task, fs, pwd.dentry);
  c.mount = (void *)BPF_CORE_READ(task, fs, pwd.mnt) - bpf_core_field_offset(struct mount, mnt);
  bpf_loop(64, climb_step, &c, 0);
  if (name_is(c.top, WORD('t', 'm', 'p', 0, 0, 0, 0, 0)))
    return 1;
  if (name_is(c.top, WORD('v', 'a', 'r', 0, 0, 0, 0, 0)))
    return name_is(c.second, WORD('t', 'm', 'p', 0, 0, 0, 0, 0));
  return name_is(c.top, WORD('d', 'e', 'v', 0, 0, 0, 0, 0)) && name_is(c.second, WORD('s', 'h', 'm', 0, 0, 0, 0, 0));
}

/* Hash of a name, and of the folder it is relative to; 0: it cannot be read, or is no script's. */
static __noinline u32 hash_name(struct task_struct *task, u64 at, u32 user)
{
  struct reading r = {.at = at, .user = user};
  char first = 0;
  u64 hash;

  if (!task)
    return 0;
  read_bytes(&first, 1, at, user);
  if (!first || first == '-')
    return 0;
  if (first == '/' ? is_passing(at, user) : is_in_passing(task))
    return 0;
  bpf_loop(NAME_WORDS, read_name, &r, 0);
  if (!r.done)
    return 0;
  hash = r.hash;
  if (first != '/')
    hash = (hash ^ BPF_CORE_READ(task, fs, pwd.dentry, d_inode, i_ino)) * 0x9e3779b97f4a7c15ULL;
  return hash >> 32 | 1;
}

#define ARGUMENTS_READ 1024  /* bytes of a command line, up to the script */

enum scan_state { SKIP, BEGIN, DASH, SHORT, VALUE, LONG, LAST };

/* Through the arguments byte by byte, to the first that is neither an option nor the value of one. */
struct scan {
  u64 at;
  u64 end;
  u64 code;
  u64 value;
  u64 attached;
  u32 long_code[LONG_CODES];
  u32 long_value[LONG_VALUES];
  u32 state;
  u32 hash;
  u64 found;
};

static __always_inline u32 scan_letter(struct scan *s, u8 byte)
{
  u64 letter = byte - 'A';
  if (byte < 'A' || letter >= 58)
    return SKIP;
  letter = 1ULL << letter;
  if (s->attached & letter)
    return SKIP;
  return s->value & letter ? VALUE : SHORT;
}

static __always_inline u32 is_code(struct scan *s, u8 byte)
{
  return byte >= 'A' && byte - 'A' < 58 && s->code >> (byte - 'A') & 1;
}

static long scan_byte(u32 index, struct scan *s)
{
  u64 at = s->at;
  u32 i, ends, known = 0;
  u8 byte = 0;

  if (at >= s->end || bpf_probe_read_user(&byte, 1, (void *)at))
    return 1;
  s->at = at + 1;
  ends = byte == 0;
  switch (s->state) {
  case SKIP:
    s->state = ends ? BEGIN : SKIP;
    return 0;
  case BEGIN:
    if (byte == '-' || byte == '+') {
      s->state = DASH;
      return 0;
    }
    s->found = ends ? 0 : at;
    return 1;
  case LAST:
    s->found = ends ? 0 : at;
    return 1;
  case DASH:
    if (ends)
      return 1;
    if (byte == '-') {
      s->state = LONG;
      s->hash = 0;
      return 0;
    }
    if (is_code(s, byte))
      return 1;
    s->state = scan_letter(s, byte);
    return 0;
  case SHORT:
    if (is_code(s, byte))
      return 1;
    s->state = ends ? BEGIN : scan_letter(s, byte);
    return 0;
  case VALUE:
    /* Nothing after the letter: the value is the next argument, and that is skipped. */
    s->state = SKIP;
    return 0;
  case LONG:
    if (!ends && byte != '=') {
      s->hash = s->hash * 31 + byte;
      return 0;
    }
    if (ends && !s->hash) {
      s->state = LAST;
      return 0;
    }
    if (!s->long_code[0])
      return 1;
    for (i = 0; i < LONG_CODES; i++)
      if (s->long_code[i] == s->hash)
        return 1;
    for (i = 0; i < LONG_VALUES; i++)
      known |= s->long_value[i] == s->hash;
    s->state = !ends || known ? SKIP : BEGIN;
    return 0;
  }
  return 1;
}

/* `binary`: what is being executed; 0: the task was there before us, and only its arguments tell. */
static __noinline int decide_script(struct task_struct *task, struct file *file, struct linux_binprm *binary,
                                    struct state *st)
{
  struct interpreter key = {};
  struct interpreted *how;
  struct scan s = {};
  u64 start;
  u32 i;

  if (!task || !file || !st)
    return 0;
  st->script = 0;
  st->script_at = 0;
  st->decided = 1;
  key.ino = BPF_CORE_READ(file, f_inode, i_ino);
  key.dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
  /* Of overlay and btrfs user space is told another number of major 0. */
  if (!(key.dev >> 20))
    key.dev = 0;
  how = bpf_map_lookup_elem(&interpreters, &key);
  if (!how)
    return 0;
  if (binary) {
    const char *filename = BPF_CORE_READ(binary, filename);
    if (filename != BPF_CORE_READ(binary, interp)) {
      st->script = hash_name(task, (u64)filename, 0);
      return 0;
    }
  }
  start = BPF_CORE_READ(task, mm, arg_start);
  s.at = start;
  s.end = BPF_CORE_READ(task, mm, arg_end);
  s.code = how->code;
  s.value = how->value;
  s.attached = how->attached;
  for (i = 0; i < LONG_CODES; i++)
    s.long_code[i] = how->long_code[i];
  for (i = 0; i < LONG_VALUES; i++)
    s.long_value[i] = how->long_value[i];
  bpf_loop(ARGUMENTS_READ, scan_byte, &s, 0);
  if (!s.found)
    return 0;
  st->script = hash_name(task, s.found, 1);
  st->script_at = s.found - start;
  return 0;
}

/* The argument that names the script, or the first ones where a #! line did. */
static __always_inline void tell_script(struct profile_event *e, struct task_struct *task, struct state *st)
{
  u64 at = BPF_CORE_READ(task, mm, arg_start) + st->script_at;
  long got;

  e->script = st->script;
  e->folder_ino = BPF_CORE_READ(task, fs, pwd.dentry, d_inode, i_ino);
  e->folder_dev = BPF_CORE_READ(task, fs, pwd.dentry, d_inode, i_sb, s_dev);
  e->arguments[0] = 0;
  e->arguments[256] = 0;
  e->arguments[512] = 0;
  if (!st->script)
    return;
  got = bpf_probe_read_user_str(e->arguments, 256, (void *)at);
  if (got <= 0 || st->script_at)
    return;
  at += got;
  got = bpf_probe_read_user_str(e->arguments + 256, 256, (void *)at);
  if (got <= 0)
    return;
  at += got;
  bpf_probe_read_user_str(e->arguments + 512, 256, (void *)at);
}
