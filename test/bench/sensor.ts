/**
 * What the kernel sensor costs: ns per getppid and run times of real loads with nothing, an empty eBPF program on
 * sys_enter, lymph's pairs alone, and pairs with the judgement's 8-grams; interleaved, each round in another order, medians. Then events into Node, and memory.
 * Needs root. `npm run bench -- sensor [ROUNDS]`
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LiveJudgement, SlotTable, Supports } from '#homeostasis'
import { inspectKernel, unpackWindows } from '#sensor'
import { KernelSensor } from '#sensor/kernel'
import { attachTracepoint, loadProgram } from '../../src/sensor/kernel/bpf.ts'
import { CHUNK_BYTES, Profile, ROW_BYTES, Unit } from '../../src/sensor/kernel/layout.ts'
import { DEFAULT_SETTINGS } from '../../src/sensor/kernel/settings.ts'

const rounds = Number(process.argv[2] ?? 9)
const { ok, problems } = await inspectKernel()
if (!ok) {
  console.error(problems.map(({ what, why, fix }) => `${what}: ${why}. ${fix}`).join('\n'))
  process.exit(4)
}
const folder = mkdtempSync(join(tmpdir(), 'lymph-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

function compile(name: string, source: string): string {
  const path = join(folder, name)
  writeFileSync(`${path}.c`, source)
  execFileSync('gcc', ['-O2', '-o', path, `${path}.c`])
  return path
}

/** Prints the median over short chunks, ns per call: a chunk that was interrupted does not count. */
const victim = compile(
  'victim',
  `#include <stdio.h>
   #include <stdlib.h>
   #include <time.h>
   #include <unistd.h>
   #include <sys/syscall.h>
   static int order(const void *a, const void *b) { double d = *(double *)a - *(double *)b; return d < 0 ? -1 : d > 0; }
   int main(int n, char **v) {
     static double ns[301];
     struct timespec a, b;
     for (int k = 0; k < 301; k++) {
       clock_gettime(CLOCK_MONOTONIC, &a);
       for (int i = 0; i < 5000; i++) syscall(SYS_getppid);
       clock_gettime(CLOCK_MONOTONIC, &b);
       ns[k] = ((b.tv_sec - a.tv_sec) * 1e9 + b.tv_nsec - a.tv_nsec) / 5000;
     }
     qsort(ns, 301, sizeof *ns, order);
     printf("%.2f\\n", ns[n > 1 ? 30 : 150]);
     return 0; }`,
)
/** Calls that do nothing, in an order of period 64. */
const MIXED = Array.from({ length: 64 }, (_, i) => [39, 102, 104, 107, 108, 110, 186][(i * i + 3 * i) % 7]!)
const mixed = compile(
  'mixed',
  `#include <stdio.h>
   #include <stdlib.h>
   #include <time.h>
   #include <unistd.h>
   #include <sys/syscall.h>
   static int order(const void *a, const void *b) { double d = *(double *)a - *(double *)b; return d < 0 ? -1 : d > 0; }
   static const int calls[64] = {${MIXED.join(', ')}};
   int main(void) {
     static double ns[301];
     struct timespec a, b;
     for (int k = 0; k < 301; k++) {
       clock_gettime(CLOCK_MONOTONIC, &a);
       for (int i = 0; i < 6400; i++) syscall(calls[i & 63]);
       clock_gettime(CLOCK_MONOTONIC, &b);
       ns[k] = ((b.tv_sec - a.tv_sec) * 1e9 + b.tv_nsec - a.tv_nsec) / 6400;
     }
     qsort(ns, 301, sizeof *ns, order);
     printf("%.2f\\n", ns[30]);
     return 0; }`,
)
/** Makes every call a pair that no table holds: random numbers beyond the last call. */
const flood = compile(
  'flood',
  `#include <unistd.h>
   #include <sys/syscall.h>
   #include <stdlib.h>
   int main(int n, char **v) {
     unsigned x = 1; long calls = atol(v[1]);
     for (long i = 0; i < calls; i++) { x = x * 1664525 + 1013904223; syscall(470 + (x >> 16) % 32); }
     return 0; }`,
)
const big = join(folder, 'big.c')
writeFileSync(
  big,
  `#include <stdio.h>\n${Array.from({ length: 400 }, (_, i) => `int f${i}(int x) { int s = 0; for (int i = 0; i < x; i++) s += i * ${i} ^ (s >> 3); printf("%d", s); return s; }`).join('\n')}\nint main(void) { return 0; }\n`,
)

/** CPU time of a load and its children, ms: what waits and what others do meanwhile is not in it. */
const timed = (command: string) => () => {
  const { status, stdout } = spawnSync('bash', ['-c', `{ ${command}; } >/dev/null 2>&1; times`], {
    encoding: 'utf8',
  })
  const children = /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/.exec(stdout.trim().split('\n').at(-1) ?? '')
  if (status !== 0 || !children) throw new Error(`${command}: ended with ${status}`)
  const [minutes = 0, seconds = 0, sysMinutes = 0, sysSeconds = 0] = children.slice(1).map(Number)
  return 1000 * (60 * (minutes + sysMinutes) + seconds + sysSeconds)
}

const tree = existsSync('/usr/share/doc') ? '/usr/share/doc' : '/usr'
const loads: Record<string, () => number> = {
  getppid_ns: () => Number(execFileSync(victim).toString()),
  find_ms: timed('find /usr -xdev -type f -size +100k'),
  tar_ms: timed(`tar cf - ${tree} | cat`),
  dd512_ms: timed('dd if=/dev/zero of=/dev/null bs=512 count=400000'),
  compile_ms: timed(`gcc -O1 -c -o ${join(folder, 'big.o')} ${big}`),
}

/** mov r0, 0; exit */
const EMPTY_PROGRAM = Buffer.from('b7000000000000009500000000000000', 'hex')
const RAW_TRACEPOINT = 17
const variants: Record<string, () => Promise<() => Promise<void>>> = {
  nothing: async () => async () => {},
  async empty() {
    const program = loadProgram({
      type: RAW_TRACEPOINT,
      name: 'empty',
      license: 'GPL',
      instructions: EMPTY_PROGRAM,
    })
    const link = attachTracepoint(program, 'sys_enter')
    return async () => {
      closeSync(link)
      closeSync(program)
    }
  },
  async lymph() {
    const sensor = new KernelSensor()
    await sensor.start(DEFAULT_SETTINGS, [])
    return () => sensor.stop()
  },
  /** As the daemon has it: what a program's units taught is in its slots. */
  async judged() {
    const sensor = new KernelSensor()
    const judged = new Map<number, LiveJudgement>()
    sensor.onEvent((event) => {
      if (event.type !== 'unit') return
      const { unit, profile, tid } = event
      const live = judged.get(profile) ?? new LiveJudgement(6, { seed: 1, version: profile }, 0)
      judged.set(profile, live)
      const touched = unit.touched.flatMap(
        ({ version, bits }) => live.slots.touched(version, Buffer.from(bits, 'base64')) ?? [],
      )
      const { windows, head, ...sums } = unit
      const report = { ...sums, head: Uint16Array.from(head), events: unpackWindows(windows), touched }
      const { slotsDue } = live.take({
        report,
        edges: [],
        tid,
        first: unit.first,
        fresh: unit.fresh,
        whole: unit.whole,
      })
      if (!slotsDue && live.judgement.units > 2) return
      const { version, slots } = live.write()
      void sensor.slots(profile, version, slots)
    })
    await sensor.start({ ...DEFAULT_SETTINGS, judge: true }, [])
    return () => sensor.stop()
  },
}

const median = (values: number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number
const round = (value: number, digits = 3) => Number(value.toFixed(digits))

async function costs() {
  const names = Object.keys(variants)
  const fresh = () => Object.fromEntries(names.map((name) => [name, [] as number[]]))
  const seen = Object.fromEntries(Object.keys(loads).map((load) => [load, fresh()]))
  for (const load of Object.values(loads)) load()
  for (let turn = 0; turn < rounds; turn++)
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + turn) % names.length] as string
      const undo = await variants[name]!()
      // Each load once unmeasured: lymph learns the program then, and caches are as warm for everyone.
      for (const [load, run] of Object.entries(loads)) {
        run()
        // What it taught is in place when it is measured.
        await new Promise((resolve) => setTimeout(resolve, 250))
        seen[load]![name]!.push(run())
      }
      await undo()
    }
  return Object.fromEntries(
    Object.entries(seen).map(([load, by]) => {
      const [nothing, empty, lymph, judged] = names.map((name) => median(by[name] as number[])) as [
        number,
        number,
        number,
        number,
      ]
      // Ratios within a round: what slows the whole machine for a while slows all three.
      const ratio = (over: string, of = 'lymph') =>
        round(median((by[of] as number[]).map((ms, k) => ms / (by[over] as number[])[k]!)))
      const added = median((by.judged as number[]).map((ms, k) => ms - (by.lymph as number[])[k]!))
      return [
        load,
        {
          nothing: round(nothing, 1),
          empty: round(empty, 1),
          lymph: round(lymph, 1),
          toNothing: ratio('nothing'),
          toEmpty: ratio('empty'),
          judged: round(judged, 1),
          judgedToLymph: ratio('lymph', 'judged'),
          judgedAdds: round(added, 1),
        },
      ]
    }),
  )
}

/**
 * ns that the 8-grams add to a call: one sensor, units watched in every other round, so that all else is the same. The
 * least of 301 chunks' lowest tenth is what the machine does undisturbed. `few`: one call; `many`: 64 in a loop.
 */
async function grams() {
  const sensor = new KernelSensor()
  await sensor.start(DEFAULT_SETTINGS, [])
  const results: Record<string, { pairs: number; withGrams: number; adds: number }> = {}
  for (const [name, path] of Object.entries({ few: victim, many: mixed })) {
    const run = () => Number(execFileSync(path, ['low']).toString())
    run()
    const profile = await waitFor(
      () => sensor.profiles().find(({ executable }) => executable.path === path)?.profile,
    )
    const supports = new Supports(6)
    const loop = name === 'few' ? [110] : MIXED
    supports.learn([Uint16Array.from({ length: 2000 }, (_, i) => loop[i % loop.length]!)])
    const table = new SlotTable(1)
    table.write(supports, 1)
    await sensor.slots(profile, table.version, table.slots)
    const pairs: number[] = []
    const withGrams: number[] = []
    for (let turn = 0; turn < 3 * rounds; turn++) {
      await sensor.configure(DEFAULT_SETTINGS)
      pairs.push(run())
      await sensor.configure({ ...DEFAULT_SETTINGS, judge: true })
      withGrams.push(run())
    }
    const adds = median(withGrams.map((ns, i) => ns - pairs[i]!))
    results[name] = {
      pairs: round(median(pairs), 1),
      withGrams: round(median(withGrams), 1),
      adds: round(adds, 1),
    }
  }
  await sensor.stop()
  return results
}

async function waitFor<T>(look: () => T | undefined): Promise<T> {
  for (let i = 0; i < 100; i++) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the program was not seen')
}

/** Findings a second that reach a listener, none lost: a program whose every call is new. */
async function events() {
  const sensor = new KernelSensor({ sizes: { ringBytes: 1 << 23 } })
  let novelties = 0
  sensor.onEvent((event) => {
    if (event.type === 'novelty' || event.type === 'anomaly') novelties++
  })
  // Nothing is learned while LFC is above 0 and nothing else is told: so each call is an anomaly, and one event.
  await sensor.start({ ...DEFAULT_SETTINGS, tolerizeLimit: 0, anomalyLimit: 2 ** 31 - 1 }, [])
  const path = flood
  const once1 = spawn(path, ['1'], { stdio: 'ignore' })
  await once(once1, 'exit')
  await new Promise((resolve) => setTimeout(resolve, 200))
  const profile = sensor.profiles().find(({ executable }) => executable.path === path)?.profile
  if (profile === undefined) throw new Error('the flood was not seen')
  await sensor.act(profile, 'normalize')
  novelties = 0
  const lostBefore = sensor.totals().lostEvents
  const calls = 500_000
  const begun = performance.now()
  const cpu = process.cpuUsage()
  const program = spawn(path, [String(calls)], { stdio: 'ignore' })
  await once(program, 'exit')
  const ms = performance.now() - begun
  await new Promise((resolve) => setTimeout(resolve, 300))
  const { user, system } = process.cpuUsage(cpu)
  const lost = sensor.totals().lostEvents - lostBefore
  await sensor.stop()
  return {
    calls,
    received: novelties,
    lost,
    perSecond: Math.round(novelties / (ms / 1000)),
    cpuUsPerEvent: round((user + system) / novelties, 2),
  }
}

/** Kernel memory of the maps and resident memory of the sensor process; 27 rows a profile is a settled host's mean. */
async function memory() {
  const main = join(import.meta.dirname, '../../src/sensor/kernel/main.ts')
  const sensor = spawn(process.execPath, [main, '--socket', join(folder, 's')], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of sensor.stdout) if (String(line).includes('watching')) break
  const read = (file: string) => readFileSync(`/proc/${sensor.pid}/${file}`, 'latin1')
  let kernel = 0
  for (const fd of readdirSync(`/proc/${sensor.pid}/fdinfo`)) {
    const info = read(`fdinfo/${fd}`)
    if (/^map_id/m.test(info)) kernel += Number(/^memlock:\t(\d+)/m.exec(info)?.[1] ?? 0)
  }
  const resident = Number(/^VmRSS:\s+(\d+)/m.exec(read('status'))?.[1]) * 1024
  const exit = once(sensor, 'exit')
  sensor.kill('SIGTERM')
  await exit
  const perProfile = Profile.bytes + 27 * ROW_BYTES
  return {
    kernelMb: round(kernel / 1e6, 1),
    ofWhichFor300ProfilesMb: round((300 * perProfile) / 1e6, 1),
    // 600 grams (lpr has 588) are 2,048 slots; every task has a unit.
    judgementOf300ProfilesMb: round((300 * 4 * CHUNK_BYTES) / 1e6, 1),
    unitsOf500TasksMb: round((500 * Unit.bytes) / 1e6, 1),
    processMb: round(resident / 1e6, 1),
  }
}

const added = await grams()
const cost = await costs()
console.log(
  JSON.stringify({ rounds, grams: added, cost, events: await events(), memory: await memory() }, null, 2),
)
