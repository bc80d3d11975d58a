/**
 * What the agent does with control groups v2, on processes of a service as systemd lays one out: cpu.max, the freezer,
 * one with the other, and the way back, also where the service is gone. Takes a host whose CPU controller is v2's.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { patience } from '../patience.ts'
import { Acting, end, on } from './acting.ts'
import { Cleanup, pause, until } from './hosts.ts'

const root = '/sys/fs/cgroup'

function absent(): string | false {
  if (process.getuid?.() !== 0) return 'it takes root'
  if (!existsSync(join(root, 'cgroup.controllers')))
    return 'no cgroup v2 at /sys/fs/cgroup; scripts/other-kernel runs this on one'
  return readFileSync(join(root, 'cgroup.controllers'), 'utf8').split(/\s/).includes('cpu')
    ? false
    : 'the cpu controller is not one of cgroup v2 here; scripts/other-kernel runs this where it is'
}

const skip = absent()
const groupOf = (pid: number) => /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1]
const read = (group: string, file: string) => readFileSync(join(root, group, file), 'utf8').trim()
/** A number of a flat-keyed file: `usage_usec` of cpu.stat. */
const stat = (group: string, file: string, key: string) =>
  Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(read(group, file))?.[1])
/** CPU time of a process, in ticks of 10 ms. */
const ticks = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/.*\) /s, '').split(' ')
  return Number(fields[11]) + Number(fields[12])
}

describe('control groups v2', { skip }, () => {
  const cleanup = new Cleanup()
  after(() => cleanup.end())
  const acting = skip ? (undefined as never) : new Acting(cleanup, 'cgroups')
  before(() => acting.startKeeper())

  const slice = `/lymph-test-${process.pid}.slice`
  /** A service's group: its parent hands the CPU controller down, as slices do. */
  function service(name: string): string {
    const group = `${slice}/${name}.service`
    mkdirSync(join(root, group), { recursive: true })
    writeFileSync(join(root, 'cgroup.subtree_control'), '+cpu')
    writeFileSync(join(root, slice, 'cgroup.subtree_control'), '+cpu')
    return group
  }
  before(() => {
    mkdirSync(join(root, slice))
    cleanup.add(async () => {
      for (const name of readdirSync(join(root, slice)).filter((one) => one.endsWith('.service')))
        await until('the service is empty', () => {
          rmdirSync(join(root, slice, name))
          return true
        })
      rmdirSync(join(root, slice))
    })
  })
  function startIn(group: string, script: string) {
    const process = acting.start(script)
    writeFileSync(join(root, group, 'cgroup.procs'), String(process.pid))
    return process
  }
  const lease = 5 * patience
  const leases = () => readdirSync(acting.leases).filter((name) => name.endsWith('.json')).length
  /** Does it, and answers the id under which it can be undone. */
  async function done(pid: number, what: string): Promise<string> {
    const report = await acting.act(on(pid, what))
    assert.equal(report.promises[0]!.state, 'repaired', JSON.stringify(report))
    return report.promises[0]!.steps[0]!.id
  }
  const undo = async (id: string) => {
    const { undoAct } = await import('#agent')
    assert.match(await undoAct({ ...acting.options, policyFile: '' }, id), /taken back/)
  }
  const runs = (pid: number) =>
    until('it runs', async () => {
      const before = ticks(pid)
      await pause(300)
      return ticks(pid) > before || undefined
    })
  const standsStill = (pid: number) =>
    until('it stands still', async () => {
      const before = ticks(pid)
      await pause(300)
      return ticks(pid) === before || undefined
    })

  it('cpu.max: it and what it forks get the share, its neighbours all; at the end all are back and free', async () => {
    const home = service('limited')
    const one = startIn(home, 'read line; while :; do :; done & while :; do :; done')
    const neighbour = startIn(home, 'sleep 1000')
    await done(one.pid, `act: cpu, percent: 10, for: ${lease}s`)
    const group = groupOf(one.pid) as string
    assert.match(group, /^\/lymph\/[0-9a-f]{8}$/)
    assert.equal(read(group, 'cpu.max'), '10000 100000')
    assert.equal(groupOf(neighbour.pid), home)
    one.stdin?.write('\n')
    const child = await until('its child', () =>
      read(group, 'cgroup.procs')
        .split('\n')
        .map(Number)
        .find((pid) => pid !== one.pid),
    )
    const [usage, since] = [stat(group, 'cpu.stat', 'usage_usec'), performance.now()]
    await pause(2000)
    const used = (stat(group, 'cpu.stat', 'usage_usec') - usage) / 1000 / (performance.now() - since)
    // Both together; a period may begin and end within.
    assert.ok(used > 0.02 && used < 0.2, `${(used * 100).toFixed(1)} % of a core at 10 %`)
    assert.ok(stat(group, 'cpu.stat', 'nr_throttled') > 5)
    await until('they are back', () => [one.pid, child].every((pid) => groupOf(pid) === home) || undefined)
    assert.equal(existsSync(join(root, group)), false)
    assert.equal(leases(), 0)
    end(one)
    end(neighbour)
  })

  it('freeze: the process alone, its service goes on', async () => {
    const home = service('frozen')
    const one = startIn(home, 'while :; do :; done')
    const neighbour = startIn(home, 'while :; do sleep 0.01; done')
    const id = await done(one.pid, 'act: freeze, for: 1h')
    const group = groupOf(one.pid) as string
    assert.match(group, new RegExp(`^${home.replaceAll('.', '\\.')}/lymph-[0-9a-f]{8}$`))
    await until('the kernel says so', () => stat(group, 'cgroup.events', 'frozen') === 1 || undefined)
    await standsStill(one.pid)
    await runs(neighbour.pid)
    await undo(id)
    assert.equal(groupOf(one.pid), home)
    await runs(one.pid)
    assert.equal(existsSync(join(root, group)), false)
    end(one)
    end(neighbour)
  })

  it('frozen while it is limited: the limit ends first, it stays frozen, and comes home', async () => {
    const home = service('both')
    const one = startIn(home, 'while :; do :; done')
    const limit = await done(one.pid, 'act: cpu, percent: 20, for: 1h')
    const limited = groupOf(one.pid) as string
    const freeze = await done(one.pid, 'act: freeze, for: 1h')
    await standsStill(one.pid)
    await undo(limit)
    assert.equal(existsSync(join(root, limited)), false, 'the limit leaves nothing behind')
    await standsStill(one.pid)
    await undo(freeze)
    assert.equal(groupOf(one.pid), home)
    await runs(one.pid)
    end(one)
  })

  it('frozen while it is limited: thawed first, it is limited still', async () => {
    const home = service('order')
    const one = startIn(home, 'while :; do :; done')
    const limit = await done(one.pid, 'act: cpu, percent: 20, for: 1h')
    const limited = groupOf(one.pid) as string
    await undo(await done(one.pid, 'act: freeze, for: 1h'))
    assert.equal(groupOf(one.pid), limited)
    assert.equal(read(limited, 'cpu.max'), '20000 100000')
    await undo(limit)
    assert.equal(groupOf(one.pid), home)
    end(one)
  })

  it('a frozen process is not limited: that would thaw it', async () => {
    const one = startIn(service('still'), 'while :; do :; done')
    const freeze = await done(one.pid, 'act: freeze, for: 1h')
    const report = await acting.act(on(one.pid, 'act: cpu, percent: 20, for: 1h'))
    assert.equal(report.promises[0]!.state, 'not_kept')
    assert.match(report.promises[0]!.steps[0]!.line, /it is frozen/)
    await standsStill(one.pid)
    await undo(freeze)
    end(one)
  })

  it('its service is gone meanwhile: it is free all the same, in the root, and in no slice', async () => {
    const home = service('gone')
    const one = startIn(home, 'while :; do :; done')
    const id = await done(one.pid, 'act: cpu, percent: 10, for: 1h')
    const group = groupOf(one.pid) as string
    rmdirSync(join(root, home))
    await undo(id)
    // The kernel would let it into the slice, and no service into a slice that holds a process.
    assert.equal(groupOf(one.pid), '/')
    assert.equal(read(slice, 'cgroup.type'), 'domain')
    assert.equal(existsSync(join(root, group)), false)
    await runs(one.pid)
    end(one)
  })

  it('the keeper dies: whoever was limited or frozen is home before it is gone', async () => {
    const home = service('kept')
    const [one, two] = [startIn(home, 'while :; do :; done'), startIn(home, 'while :; do :; done')]
    await done(one.pid, 'act: cpu, percent: 10, for: 1h')
    await done(two.pid, 'act: freeze, for: 1h')
    await standsStill(two.pid)
    acting.keeper.stdio[3]?.destroy()
    await until('both are home', () => [one.pid, two.pid].every((pid) => groupOf(pid) === home) || undefined)
    await runs(two.pid)
    assert.deepEqual(
      readdirSync(join(root, home)).filter((name) => name.startsWith('lymph')),
      [],
    )
    assert.deepEqual(
      readdirSync(join(root, 'lymph')).filter((name) => /^[0-9a-f]{8}$/.test(basename(name))),
      [],
    )
    end(one)
    end(two)
    await acting.startKeeper()
  })
})
