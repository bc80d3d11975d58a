/** What the hand-over writes, read by a real cf-agent (Debian: cfengine3) in a work folder of its own. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  envData,
  type HandOver,
  listening,
  moduleProtocol,
  writeHandOver,
} from '../../src/environment/handover/index.ts'
import { hostSampler } from '../../src/environment/probes/index.ts'

const skip =
  spawnSync('cf-agent', ['--version']).status === 0
    ? false
    : 'no cf-agent: apt-get install cfengine3 (scripts/test does, when root)'

const handOver: HandOver = {
  at: Date.now(),
  classes: [
    'www_in_high_dev2',
    'www_in_high_anomalous',
    'entropy_postgres_in_low',
    'ph_sequence_anomaly',
    'evil\nlinux=x\n+root',
  ],
  withdrawn: ['ssh_in_low_dev3'],
  observables: [
    { name: 'www_in', value: 600, expected: 100.126, deviation: 4 },
    { name: 'ph_usr_sbin_nginx', value: 0.0042 },
    { name: 'evil\n=value_www_in', value: 1 },
  ],
  lists: { listening_ports: ['22', '443'], ph_frozen: ["it's", 'a"b$(sys.host)', 'c\n+injected'] },
  arrays: { tcp4_port_addr: { 22: '0.0.0.0' } },
}

describe('a real cf-agent', { skip }, () => {
  let work: string
  const agent = (policy: string, ...args: string[]) => {
    writeFileSync(join(work, 'inputs', 'test.cf'), policy, { mode: 0o600 })
    return execFileSync('cf-agent', ['-K', '-f', 'test.cf', ...args], {
      env: { ...process.env, CFENGINE_TEST_OVERRIDE_WORKDIR: work },
      encoding: 'utf8',
    })
      .trim()
      .split('\n')
      .map((line) => line.replace(/^R: /, ''))
  }

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'lymph-cfengine-'))
    for (const folder of ['bin', 'inputs', 'state', 'ppkeys']) mkdirSync(join(work, folder), { mode: 0o700 })
    chmodSync(work, 0o700)
    const promises = execFileSync('sh', ['-c', 'command -v cf-promises'], { encoding: 'utf8' }).trim()
    symlinkSync(promises, join(work, 'bin', 'cf-promises'))
    execFileSync('cf-key', { env: { ...process.env, CFENGINE_TEST_OVERRIDE_WORKDIR: work }, stdio: 'ignore' })
  })
  after(() => rmSync(work, { recursive: true, force: true }))

  const reports = `
    www_in_high_dev2:: "class www_in_high_dev2";
    www_in_high_anomalous:: "class www_in_high_anomalous";
    www_in_high_anomaly:: "class www_in_high_anomaly";
    entropy_postgresql_in_low:: "class entropy_postgresql_in_low";
    ph_sequence_anomaly:: "class ph_sequence_anomaly";
    ssh_in_low_dev3:: "class ssh_in_low_dev3";
    injected|root:: "class injected";
    any::
      "value $(mon.value_www_in) av $(mon.av_www_in) dev $(mon.dev_www_in) small $(mon.value_ph_usr_sbin_nginx)";
      "time $(mon.lymph_time) address $(mon.tcp4_port_addr[22])";
      "port $(mon.listening_ports)";
      "frozen $(mon.ph_frozen)";`
  const expected = [
    'class www_in_high_dev2',
    'class www_in_high_anomalous',
    'class www_in_high_anomaly',
    'class entropy_postgresql_in_low',
    'class ph_sequence_anomaly',
    'value 600.00 av 100.13 dev 4.00 small 0.00420',
    `time ${Math.floor(handOver.at / 1000)} address 0.0.0.0`,
    'port 22',
    'port 443',
    'frozen it%27s',
    'frozen a%22b%24(sys.host)',
    'frozen c%0A+injected',
  ].sort()

  it('reads the module protocol: classes set and withdrawn, variables, lists, arrays', async () => {
    const { text } = moduleProtocol(handOver, { monitordNames: true, context: 'mon' })
    await writeHandOver(work, 'lymph.classes', text)
    const output = agent(
      `body common control { bundlesequence => { "main" }; }
bundle agent main
{
  classes:
    "lymph_ok" expression => read_module_protocol("${work}/lymph.classes");
  reports:
    !lymph_ok:: "not read";${reports}
}`,
      '-D',
      'ssh_in_low_dev3',
    )
    assert.deepEqual(output.sort(), expected)
  })

  it('reads it into a bundle of its own as well', async () => {
    await writeHandOver(work, 'lymph.classes', moduleProtocol(handOver).text)
    const output = agent(`body common control { bundlesequence => { "main" }; }
bundle agent main
{
  classes: "ok" expression => read_module_protocol("${work}/lymph.classes");
  reports: "value $(lymph.value_www_in)";
}`)
    assert.deepEqual(output, ['value 600.00'])
  })

  it('reads env_data with no cf-monitord: hard classes and $(mon.*)', async () => {
    await writeHandOver(join(work, 'state'), 'env_data', envData(handOver, { monitordNames: true }).text)
    const policy = `body common control { bundlesequence => { "main" }; }
bundle agent main
{
  reports:${reports}
}`
    assert.deepEqual(agent(policy).sort(), expected)
    // cf-agent's own rule: an hour later the file is too old, and gone.
    const old = Date.now() / 1000 - 3700
    utimesSync(join(work, 'state', 'env_data'), old, old)
    assert.ok(!agent(policy).some((line) => line.startsWith('class ')))
    assert.ok(!existsSync(join(work, 'state', 'env_data')))
  })

  it('reads as many list items as were written, and no half ones', async () => {
    const ports = Array.from({ length: 1000 }, (_, i) => String(20_000 + i))
    const long: HandOver = { at: handOver.at, classes: [], observables: [], lists: { ports } }
    const data = envData(long).text
    const module = moduleProtocol(long, { context: 'lymph' }).text
    const items = (text: string) => (text.match(/2\d{4}/g) as string[]).filter((port) => ports.includes(port))
    await writeHandOver(join(work, 'state'), 'env_data', data)
    await writeHandOver(work, 'lymph.classes', module)
    const inData = items(data.slice(data.indexOf('@')))
    const inModule = items(module.slice(module.indexOf('@')))
    const output = agent(`body common control { bundlesequence => { "main" }; }
bundle agent main
{
  classes: "ok" expression => read_module_protocol("${work}/lymph.classes");
  vars: "d" int => length("mon.ports"); "m" int => length("lymph.ports"); "last" string => nth("mon.ports", "${inData.length - 1}");
  reports: "$(d) $(m) $(last)";
}`)
    assert.ok(inData.length > 25 && inModule.length > 400)
    assert.deepEqual(output, [`${inData.length} ${inModule.length} ${inData.at(-1)}`])
  })

  it('gets what a host measures: every observable of a sample of this machine', async () => {
    const sampler = hostSampler()
    sampler.sample({ at: Date.now(), monotonicMs: performance.now() - 1000 })
    const { at, values, sockets } = sampler.sample()
    const sampled = {
      at,
      classes: [],
      observables: [...values].map(([name, value]) => ({ name, value })),
      ...listening(sockets.listeners),
    }
    const { text, dropped } = envData(sampled)
    assert.deepEqual(
      dropped.filter((line) => !line.startsWith('list ')),
      [],
    )
    await writeHandOver(join(work, 'state'), 'env_data', text)
    const shown = execFileSync('cf-promises', ['-f', 'test.cf', '--show-vars'], {
      env: { ...process.env, CFENGINE_TEST_OVERRIDE_WORKDIR: work },
      encoding: 'utf8',
    })
    for (const name of values.keys())
      assert.match(shown, new RegExp(`^default:mon\\.value_${name} +-?\\d+\\.\\d+ `, 'm'))
  })
})
