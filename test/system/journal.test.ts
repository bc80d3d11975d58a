/** The journal's growth beside a real systemd-journald, started in a mount namespace with an empty /run of its own. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostPlaces } from '../../src/environment/probes/index.ts'
import { LogProbe } from '../../src/environment/probes/logs.ts'

const journald = '/lib/systemd/systemd-journald'
const works = (...argv: string[]) => spawnSync(argv[0]!, argv.slice(1)).status === 0
const skip =
  process.getuid?.() !== 0
    ? 'only root makes a mount namespace'
    : !existsSync(journald) || !works('sh', '-c', 'command -v unshare logger nsenter')
      ? 'no systemd-journald, unshare, nsenter or logger'
      : !works('unshare', '-m', 'true')
        ? 'no mount namespace may be made here'
        : false

test('the journal grows by about what was logged, while its file keeps its size', { skip }, async () => {
  const script = `mount --make-rprivate / && mount -t tmpfs t /run && mount -t tmpfs t /var/log &&
    mkdir -p /run/systemd/journal /run/log/journal && exec timeout 60 ${journald}`
  const daemon = spawn('unshare', ['-m', 'sh', '-c', script], { stdio: 'ignore' })
  try {
    await once(daemon, 'spawn')
    // The daemon's own view of the file system.
    const seen = `/proc/${daemon.pid}/root`
    const folder = `${seen}/run/log/journal`
    const file = () => {
      const [machine] = existsSync(`${seen}/run/systemd/journal/dev-log`) ? readdirSync(folder) : []
      return machine && `${folder}/${machine}/system.journal`
    }
    for (const end = Date.now() + 10_000; !(file() && existsSync(file()!)); await sleep(50))
      assert.ok(Date.now() < end, 'journald did not start')
    const probe = new LogProbe({ ...hostPlaces, log: `${seen}/var/log`, run: `${seen}/run` })
    const read = (seconds: number) => {
      const { values, problems } = probe.read({ at: 0, monotonicMs: seconds * 1000 })
      assert.deepEqual(problems, [])
      return values.get('journal')
    }
    assert.equal(read(0), undefined)
    // It takes in what the kernel has said since boot first.
    let seconds = 0
    for (let still = 0; still < 3; still = read(++seconds) === 0 ? still + 1 : 0) {
      assert.ok(seconds < 100, 'the journal never rests')
      await sleep(150)
    }
    const size = statSync(file()!).size
    const log = `for i in $(seq 100); do logger -u /run/systemd/journal/dev-log "line $i: $(head -c 200 /dev/urandom | base64 -w0)"; done`
    assert.ok(works('nsenter', '-m', '-t', String(daemon.pid), 'sh', '-c', log))
    await sleep(200)
    const grown = read(++seconds)!
    // 100 lines of 280 characters, and the fields journald adds to each.
    assert.ok(grown > 28_000 && grown < 500_000, `${grown}`)
    assert.equal(statSync(file()!).size, size)
  } finally {
    daemon.kill('SIGTERM')
    if (daemon.exitCode === null && daemon.signalCode === null) await once(daemon, 'exit')
  }
})
