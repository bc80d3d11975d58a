import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Step, selftest } from '#daemon'
import { noKernel } from '../sensor/kernel/available.ts'

const skip = (await noKernel()) ?? false

test('the self-test follows a planted anomaly to the incident and the warning', { skip }, async () => {
  const steps: Step[] = []
  await selftest((step) => steps.push(step))
  assert.deepEqual(
    steps.map(({ step }) => step),
    ['sensor', 'learned', 'normal', 'mesh', 'usual', 'incident', 'warning', 'gone'],
  )
  const lfc = (name: string) =>
    Number(/LFC (\d+)/.exec(steps.find(({ step }) => step === name)?.detail ?? '')?.[1])
  // One foreign call makes as many anomalous calls as the window is long; the helper made several.
  assert.ok(lfc('incident') > 6)
  assert.ok(lfc('warning') > 0)
})
