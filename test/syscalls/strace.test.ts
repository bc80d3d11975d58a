import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { tell } from './read.ts'

/** Told by whole text and by odd pieces alike. */
async function strace(lines: string[], options: Parameters<typeof tell>[1] = {}): Promise<string[]> {
  const text = `${lines.join('\n')}\n`
  const { told, format } = await tell(text, options)
  assert.equal(format, 'strace')
  assert.deepEqual((await tell(text, { ...options, chunk: 7 })).told, told)
  return told
}

test('a vfork whose child speaks first: fork, exec, end, and the call counted once', async () => {
  assert.deepEqual(
    await strace([
      '10 execve("/usr/bin/awk", ["awk", "BEGIN{system(\\"id) = 5\\")}"], 0x7ffe /* 9 vars */) = 0',
      '10 brk(NULL)                         = 0x5594e1e9a000',
      '10 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88 <unfinished ...>',
      '11 rt_sigprocmask(SIG_BLOCK, NULL, ~[KILL STOP], 8) = 0',
      '11 execve("/usr/bin/\\303\\266\\x20\\t", ["x"], 0x7ffe /* 9 vars */ <unfinished ...>',
      '10 <... clone3 resumed> => {parent_tid=[0]}, 88) = 11',
      '11 <... execve resumed>)              = 0',
      '10 wait4(11,  <unfinished ...>',
      '11 exit_group(0)                      = ?',
      '11 +++ exited with 0 +++',
      '10 <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 11',
      '10 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=11} ---',
      '10 +++ killed by SIGKILL (core dumped) +++',
    ]),
    [
      '10 execve',
      '10 runs /usr/bin/awk',
      '10 brk',
      '10 clone3',
      '11 of 10',
      '11 rt_sigprocmask',
      '11 execve',
      '11 runs /usr/bin/ö \t',
      '10 wait4',
      '11 exit_group',
      '11 ends',
      '10 ends',
    ],
  )
})

test('a child that comes after its clone returned, a failed exec, a failed clone', async () => {
  assert.deepEqual(
    await strace([
      '10 clone(child_stack=NULL, flags=SIGCHLD) = 11',
      '11 execve("/nowhere", ["x"], NULL) = -1 ENOENT (No such file or directory)',
      '10 fork() = -1 EAGAIN (Resource temporarily unavailable)',
      "10 vfork() = 3 /* 12 in strace's PID NS */",
      '12 getpid() = 3',
    ]),
    ['10 clone', '11 of 10', '11 execve', '10 fork', '10 vfork', '12 of 10', '12 getpid'],
  )
})

test('two parents at once: children wait until it is known whose they are', async () => {
  assert.deepEqual(
    await strace([
      '1 getpid() = 1',
      '2 getpid() = 2',
      '1 clone(child_stack=NULL <unfinished ...>',
      '2 clone(child_stack=NULL <unfinished ...>',
      '21 getppid() = 2',
      '11 getppid() = 1',
      '1 <... clone resumed>) = 11',
      '2 <... clone resumed>) = 21',
      '21 getuid() = 0',
    ]),
    [
      '1 getpid',
      '2 getpid',
      '1 clone',
      '2 clone',
      '11 of 1',
      '11 getppid',
      '21 of 2',
      '21 getppid',
      '21 getuid',
    ],
  )
})

test('restarts come as they are written, restart_syscall does not count', async () => {
  assert.deepEqual(
    await strace([
      '1 read(0, 0x7ffd, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
      '1 --- SIGWINCH {si_signo=SIGWINCH, si_code=SI_KERNEL} ---',
      '1 read(0,  <unfinished ...>',
      '1 <... read resumed>0x7ffd, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
      '1 nanosleep({tv_sec=9}, 0x7ffd) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)',
      '1 --- stopped by SIGSTOP ---',
      '1 restart_syscall(<... resuming interrupted nanosleep ...>) = 0',
      '1 restart_syscall(<... resuming interrupted read ...> <unfinished ...>',
      '1 <... restart_syscall resumed>) = 0',
      '1 futex(0x7f, FUTEX_WAIT, 1, NULL <detached ...>',
    ]),
    ['1 read', '1 read', '1 nanosleep', '1 futex'],
  )
})

test('times of -t, -tt, -ttt, -r, -T, and -i, -n, -k, -Y', async () => {
  for (const time of [
    '',
    '09:48:21 ',
    '09:48:21.496904 ',
    '1795427301.551658 ',
    '     0.000116 ',
    '09:48:21 (+     0.000116) ',
    '[00007f1cc2564ad7] ',
    '[  59] ',
    '1795427301.551658 [00007f2d21015c47] ',
  ])
    for (const pid of ['', '7 ', '7  ', '[pid     7] ', '7<true> ', '[pid 7<true>] ']) {
      const task = pid === '' ? 0 : 7
      assert.deepEqual(
        await strace([
          `${pid}${time}execve("/usr/bin/true", ["true"], 0x7ffe0258de08 /* 35 vars */) = 0 <0.000554>`,
          ' > /usr/lib/x86_64-linux-gnu/libc.so.6(execve+0x7) [0xcc]',
          `${pid}${time}close(3) = 0 <0.000036>`,
          `${pid}${time}+++ exited with 0 +++`,
        ]),
        [`${task} execve`, `${task} runs /usr/bin/true`, `${task} close`, `${task} ends`],
        `${pid}|${time}`,
      )
    }
})

test('what strace -f writes to a terminal: no pid at first, lines torn by its own messages', async () => {
  assert.deepEqual(
    await strace([
      'getpid() = 9',
      'clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLDstrace: Process 11 attached',
      ', child_tidptr=0x7f9a382fca10) = 11',
      '[pid    11] getppid( <unfinished ...>',
      '[pid     9] getuid( <unfinished ...>',
      '[pid    11] <... getppid resumed>) = 9',
      '[pid     9] <... getuid resumed>) = 0',
      '[pid    11] +++ exited with 0 +++',
      'wait4(-1, NULL, 0, NULL) = 11',
      'vfork(strace: Process 12 attached',
      ' <unfinished ...>',
      '[pid    12] execve("/bin/id", ["id"], 0x55 /* 3 vars */ <unfinished ...>',
      '[pid     9] <... vfork resumed>) = 12',
      '[pid    12] <... execve resumed>) = 0',
    ]),
    [
      '0 getpid',
      '0 clone',
      '11 of 0',
      '11 getppid',
      '0 getuid',
      '11 ends',
      '0 wait4',
      '0 vfork',
      '12 of 0',
      '12 execve',
      '12 runs /bin/id',
    ],
  )
})

test('a message of another process may tear any call', async () => {
  assert.deepEqual(
    await strace([
      '[pid     9] fork() = 11',
      '[pid     9] rt_sigprocmask(SIG_SETMASK, [], strace: Process 11 attached',
      'NULL, 8) = 0',
      '[pid    11] getppid() = 9',
      '[pid     9] getuid() = 0',
    ]),
    ['9 fork', '11 of 9', '9 rt_sigprocmask', '11 getppid', '9 getuid'],
  )
})

test("a thread's exec takes the leader's place", async () => {
  assert.deepEqual(
    await strace([
      '5 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_THREAD) = 6',
      '6 execve("/bin/b", ["b"], NULL <unfinished ...>',
      '5 +++ superseded by execve in pid 6 +++',
      '5 <... execve resumed>) = 0',
      '5 getpid() = 5',
    ]),
    ['5 clone', '6 of 5', '6 execve', '5 ends', '5 of 6', '6 ends', '5 runs /bin/b', '5 getpid'],
  )
})

test('a pid that comes again is another process', async () => {
  assert.deepEqual(await strace(['3 getpid() = 3', '3 +++ exited with 0 +++', '3 getuid() = 0']), [
    '3 getpid',
    '3 ends',
    '3 getuid',
  ])
})

test('processes in 32 bit mode are another ABI', async () => {
  const lines = [
    '8 execve("/bin/a", ["a"], NULL) = 0',
    'strace: [ Process PID=8 runs in 32 bit mode. ]',
    '8 brk(NULL) = 0x5',
    '8 fork() = 9',
    '9 getpid() = 9',
    '9 execve("/bin/c", ["c"], NULL) = 0',
    '[ Process PID=9 runs in 64 bit mode. ]',
    '9 getuid() = 0',
  ]
  assert.deepEqual(await strace(lines), [
    '8 execve',
    '8 runs /bin/a',
    '8 foreign i386',
    '8 foreign i386',
    '9 of 8',
    '9 foreign i386',
    '9 foreign i386',
    '9 runs /bin/c',
    '9 getuid',
  ])
  assert.deepEqual((await strace(lines, { abi: 'i386' })).slice(2, 6), [
    '8 brk',
    '8 fork',
    '9 of 8',
    '9 getpid',
  ])
})

test('attached to a running process: what began before is not counted', async () => {
  assert.deepEqual(
    await strace([
      'strace: Process 77 attached with 2 threads',
      '[pid    78] futex(0x7f, FUTEX_WAIT, 1, NULL <unfinished ...>',
      '[pid    77] <... read resumed>"x", 1) = 1',
      '[pid    77] ????( <unfinished ...>',
      '[pid    77] getpid() = 77',
      'strace: Process 77 detached',
      '[pid    78] <... futex resumed>) = ?',
    ]),
    ['78 futex', '77 getpid'],
  )
})

test('a call unknown to the table, by number', async () => {
  assert.deepEqual(await strace(['1 syscall_0x1c4(0, 0) = -1 ENOSYS (Function not implemented)']), [
    '1 syscall_452',
  ])
})

test('text that was cut short, or is not strace, is refused', async () => {
  const start = '1 getpid() = 1\n'
  await assert.rejects(tell(`${start}1 write(1, "abc`), /line 2: ends in the middle: the file was cut short/)
  await assert.rejects(tell(`${start}1 <... wr`), /line 2: ends in the middle/)
  await assert.rejects(tell(`${start}1 writ`), /line 2: ends in the middle/)
  await assert.rejects(tell(`${start}1 write(1, "abc\n${start}`), /line 2: a call without its end/)
  await assert.rejects(tell(`${start}hello, world\n${start}`), /line 2: no line of strace: 'hello, world'/)
})

test('a real strace tells the same to a terminal and to a file', {
  skip: spawnSync('strace', ['-V']).error ? 'strace is not installed' : false,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lymph-strace-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  // One child at a time: what runs side by side has no order of its own.
  const command = ['sh', '-c', '(cd /; /bin/true); /bin/true; exec /bin/true']
  const out = join(folder, 'out')
  try {
    execFileSync('strace', ['-f', '-o', out, ...command])
  } catch (error) {
    return t.skip(`strace may not trace here: ${(error as Error).message.split('\n')[0]}`)
  }
  const file = (await tell(readFileSync(out))).told
  const terminal = (await tell(spawnSync('strace', ['-f', ...command]).stderr)).told
  /** Numbers by order of appearance. */
  const renamed = (told: string[]) => {
    const tasks = new Map<string, number>()
    const as = (task: string) => tasks.get(task) ?? tasks.set(task, tasks.size).get(task)
    return told.map((line) => line.replace(/^\d+|(?<= of )\d+/g, (task) => `t${as(task)}`)).sort()
  }
  assert.ok(file.length > 50)
  assert.ok(file.some((line) => line.endsWith('runs /bin/true')))
  assert.deepEqual(renamed(terminal), renamed(file))
})
