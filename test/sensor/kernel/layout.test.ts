/** layout.ts and bpf/layout.h say the same, and the blobs are what the C source gives. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import * as layout from '../../../src/sensor/kernel/layout.ts'

const bpf = join(import.meta.dirname, '../../../src/sensor/kernel/bpf')
const folder = mkdtempSync(join(tmpdir(), 'lymph-layout-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const version = (command: string) =>
  /(\d+\.\d+\.\d+)/.exec(spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]

function noBuilder(): string | undefined {
  const clang = version('clang-14')
  if (clang !== '14.0.6') return `the blobs were built with clang 14.0.6; here is ${clang ?? 'none'}`
  const bpftool = version('/usr/sbin/bpftool')
  return bpftool === '7.1.0'
    ? undefined
    : `the blobs were built with bpftool 7.1.0; here is ${bpftool ?? 'none'}`
}

describe('what the eBPF program and this process share', () => {
  it('offsets are those a C compiler gives', {
    skip: version('gcc') ? false : 'gcc is not installed',
  }, () => {
    const fields: [struct: string, field: string, offset: number][] = []
    const add = (struct: string, unit: number, names: Record<string, string>, of: Record<string, number>) => {
      for (const [field, name] of Object.entries(names))
        fields.push([struct, field, unit * (of[name] as number)])
    }
    add(
      'profile',
      1,
      {
        generation: 'generation',
        need: 'need',
        mask: 'mask',
        stride: 'stride',
        restart_nr: 'restartNumber',
        used: 'used',
        tasks: 'tasks',
        anomalies: 'anomalies',
        train_base: 'trainBase',
        mod_total: 'modTotal',
        sequences: 'sequences',
        dirty: 'dirty',
        abi: 'abi',
        dev: 'device',
        inode_generation: 'inodeGeneration',
        ino: 'inode',
        announced: 'announced',
        armed: 'armed',
        grams: 'grams',
        judge: 'judge',
        script: 'script',
        row: 'row',
      },
      layout.Profile,
    )
    add(
      'cpu',
      8,
      {
        seen: 'seen',
        restarted: 'restarted',
        no_program: 'noProgram',
        no_room: 'noRoom',
        no_state: 'noState',
        lost_events: 'lostEvents',
        rows_refused: 'rowsRefused',
        stops: 'stops',
        stops_refused: 'stopsRefused',
        forks_lost: 'forksLost',
        units_refused: 'unitsRefused',
        unit_events_lost: 'unitEventsLost',
        scripts_refused: 'scriptsRefused',
      },
      layout.Cpu,
    )
    add(
      'ctl',
      4,
      {
        anomaly_limit: 'anomalyLimit',
        tolerize_limit: 'tolerizeLimit',
        locality_window: 'localityWindow',
        cpus: 'cpus',
        own_group: 'ownGroup',
        pressure: 'pressure',
      },
      layout.Ctl,
    )
    add(
      'event',
      1,
      {
        type: 'type',
        profile: 'profile',
        generation: 'generation',
        tgid: 'tgid',
        tid: 'tid',
        current: 'current',
        time: 'time',
        start: 'start',
        task_calls: 'taskCalls',
        near: 'near',
        far: 'far',
        missing: 'missing',
        lfc: 'lfc',
        max_lfc: 'maxLfc',
        anomalies: 'anomalies',
        anomalous: 'anomalous',
      },
      layout.Event,
    )
    add(
      'profile_event',
      1,
      {
        ino: 'inode',
        dev: 'device',
        inode_generation: 'inodeGeneration',
        abi: 'abi',
        mount_namespace: 'mountNamespace',
        nlink: 'links',
        length: 'namesLength',
        complete: 'complete',
        names: 'names',
        folder_ino: 'folder',
        script: 'script',
        arguments: 'arguments',
      },
      layout.Event,
    )
    add(
      'task_record',
      1,
      {
        tgid: 'tgid',
        tid: 'tid',
        profile: 'profile',
        generation: 'generation',
        calls: 'calls',
        anomalous: 'anomalous',
        lfc: 'lfc',
        max_lfc: 'maxLfc',
      },
      layout.TaskRecord,
    )
    add(
      'unit',
      1,
      {
        type: 'type',
        id: 'id',
        table: 'table',
        calls: 'calls',
        cost: 'cost',
        unknown: 'unknown',
        records: 'records',
        frame_most: 'frameMost',
        sequence: 'sequence',
        profile: 'profile',
        generation: 'generation',
        tgid: 'tgid',
        tid: 'tid',
        head_near: 'head',
        time: 'time',
        reason: 'reason',
        next: 'next',
        begun: 'begun',
        fresh: 'fresh',
        told: 'told',
        touched: 'touched',
      },
      layout.Unit,
    )
    add(
      'unit_window',
      1,
      {
        type: 'type',
        id: 'id',
        sequence: 'sequence',
        place: 'place',
        tag: 'tag',
        again: 'again',
        ninth: 'ninth',
        near: 'near',
        far: 'far',
      },
      layout.UnitWindow,
    )
    add('state', 1, { tid: 'tid' }, layout.State)
    add(
      'interpreted',
      1,
      {
        code: 'code',
        value: 'value',
        attached: 'attached',
        long_code: 'longCode',
        long_value: 'longValue',
        scripts: 'scripts',
        most: 'most',
      },
      layout.Interpreted,
    )
    const sizes: [string, number][] = [
      ['profile', layout.Profile.bytes],
      ['interpreted', layout.Interpreted.bytes],
      ['row', layout.ROW_BYTES],
      ['cpu', layout.Cpu.bytes],
      ['ctl', layout.Ctl.bytes],
      ['key', layout.KEY_BYTES],
      ['event', layout.Event.bytes],
      ['task_record', layout.TaskRecord.bytes],
      ['state', layout.State.bytes],
      ['chunk', layout.CHUNK_BYTES],
      ['unit', layout.Unit.bytes],
      ['unit_window', layout.UnitWindow.bytes],
    ]
    const lines = [
      ...fields.map(([struct, field]) => `printf("%zu\\n", offsetof(struct ${struct}, ${field}));`),
      ...sizes.map(([struct]) => `printf("%zu\\n", sizeof(struct ${struct}));`),
    ]
    const types =
      'typedef unsigned char u8; typedef unsigned short u16; typedef unsigned u32; typedef unsigned long long u64;'
    const source = `#include <stdio.h>\n#include <stddef.h>\n${types}\n#include "layout.h"\nint main(void) { ${lines.join('\n')} return 0; }`
    writeFileSync(join(folder, 'layout.c'), source)
    const built = spawnSync('gcc', ['-I', bpf, '-o', join(folder, 'layout'), join(folder, 'layout.c')], {
      encoding: 'utf8',
    })
    assert.equal(built.status, 0, built.stderr)
    const numbers = spawnSync(join(folder, 'layout'), { encoding: 'utf8' })
      .stdout.trim()
      .split('\n')
      .map(Number)
    const expected = [...fields.map(([, , offset]) => offset), ...sizes.map(([, size]) => size)]
    const names = [
      ...fields.map(([struct, field]) => `${struct}.${field}`),
      ...sizes.map(([struct]) => struct),
    ]
    assert.deepEqual(
      Object.fromEntries(names.map((name, i) => [name, numbers[i]])),
      Object.fromEntries(names.map((name, i) => [name, expected[i]])),
    )
  })

  it('the committed blobs are what scripts/build-bpf builds', { skip: noBuilder() ?? false }, () => {
    const script = join(import.meta.dirname, '../../../scripts/build-bpf')
    const built = spawnSync(script, [folder], { encoding: 'utf8' })
    assert.equal(built.status, 0, built.stderr)
    const [here, there] = [bpf, folder].map((place) => (name: string) => readFileSync(join(place, name)))
    for (const name of ['core', 'exec-gate']) {
      for (const block of [`${name}.data.bin`, `${name}.insns.bin`])
        assert.ok(there!(block).equals(here!(block)), `${block} differs: run scripts/build-bpf`)
      const manifest = `${name}.json`
      assert.deepEqual(JSON.parse(String(there!(manifest))), JSON.parse(String(here!(manifest))))
    }
  })
})
