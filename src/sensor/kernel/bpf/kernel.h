/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The kernel structures this sensor reads, and of each only the fields it reads. Offsets are of no account here:
 * preserve_access_index makes clang record every access by name, and the running kernel's BTF gives the offset
 * (CO-RE). So the object is the same whatever kernel built it, and no BTF is needed to compile.
 */
#pragma once

typedef unsigned char __u8;
typedef short int __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long int __s64;
typedef unsigned long long __u64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef int bool;

enum bpf_map_type {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_QUEUE = 22,
  BPF_MAP_TYPE_RINGBUF = 27,
  BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum { BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1024 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
  u32 s_dev;
};
struct inode {
  struct super_block *i_sb;
  unsigned long i_ino;
  u32 i_generation;
  unsigned int i_nlink;
};
struct qstr {
  const unsigned char *name;
};
struct dentry {
  struct dentry *d_parent;
  struct inode *d_inode;
  struct qstr d_name;
};
struct vfsmount {
  struct dentry *mnt_root;
};
struct mount {
  struct mount *mnt_parent;
  struct dentry *mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount *mnt;
  struct dentry *dentry;
};
struct file {
  struct inode *f_inode;
  struct path f_path;
};
struct mm_struct {
  unsigned long arg_start;
  unsigned long arg_end;
  struct file *exe_file;
};
struct ns_common {
  unsigned int inum;
};
struct mnt_namespace {
  struct ns_common ns;
};
struct nsproxy {
  struct mnt_namespace *mnt_ns;
};
struct upid {
  int nr;
};
struct pid {
  struct upid numbers[1];
};
struct fs_struct {
  struct path pwd;
};
struct signal_struct {
  struct pid *pids[4];
};
struct thread_info {
  unsigned long flags;
};
struct task_struct {
  struct thread_info thread_info;
  unsigned int ptrace;
  struct mm_struct *mm;
  int pid;
  int tgid;
  struct task_struct *group_leader;
  u64 start_boottime;
  struct nsproxy *nsproxy;
  struct fs_struct *fs;
  struct signal_struct *signal;
};
struct linux_binprm {
  struct file *file;
  const char *filename;
  const char *interp;
};
struct pt_regs {
  unsigned long ip;
};
struct seq_file;
struct bpf_iter_meta {
  struct seq_file *seq;
};
struct bpf_iter__task {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
};

/* Flavours (the part from ___ on is dropped when looked up): the same structure on another architecture. */
struct thread_info___x86 {
  u32 status;
};
struct pt_regs___arm64 {
  u64 pc;
};

#pragma clang attribute pop
