/** The software sensor over events as a recorded trace has them. */

import { RecordedSource, SoftwareSensor } from '#sensor'
import { callNumber, hostAbi, type TraceEvent } from '#syscalls'
import type { Step } from './player.ts'
import { sensorSuite, type World } from './suite.ts'

/** A trace that grows. */
class Growing implements AsyncIterable<TraceEvent> {
  #events: TraceEvent[] = []
  #more: (() => void) | undefined
  #ended = false

  push(...events: TraceEvent[]) {
    this.#events.push(...events)
    this.#more?.()
  }

  end() {
    this.#ended = true
    this.#more?.()
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#events.length > 0) yield this.#events.shift() as TraceEvent
      if (this.#ended) return
      await new Promise<void>((resolve) => {
        this.#more = resolve
      })
    }
  }
}

const FORK = callNumber(hostAbi(), 'clone') as number
const START = callNumber(hostAbi(), 'brk') as number
const EXIT = callNumber(hostAbi(), 'exit_group') as number

function* eventsOf(pid: number, steps: readonly Step[], next: () => number): Generator<TraceEvent> {
  for (const step of steps)
    if (typeof step === 'number') yield { type: 'call', task: pid, call: step === 9999 ? 510 : step }
    else if ('fork' in step) {
      const child = next()
      yield { type: 'call', task: pid, call: FORK }
      yield { type: 'fork', task: child, parent: pid }
      yield* eventsOf(child, step.fork, next)
      yield { type: 'exit', task: child }
    }
}

sensorSuite('recorded trace', {
  delays: false,
  identifies: false,
  async make(settings, saved, listen): Promise<World> {
    const trace = new Growing()
    const source = new RecordedSource(trace, { abi: hostAbi(), binary: '/nowhere', batch: 1 })
    const sensor = new SoftwareSensor(source, { tickMs: 20 })
    sensor.onEvent(listen)
    await sensor.start(settings, saved)
    let pid = 100
    return {
      sensor,
      path: (name) => `/programs/${name}`,
      async play(name, steps) {
        const task = ++pid
        trace.push(
          { type: 'exec', task, binary: `/programs/${name}` },
          { type: 'call', task, call: START },
          ...eventsOf(task, steps, () => ++pid),
          { type: 'call', task, call: EXIT },
          { type: 'exit', task },
        )
      },
      async stop() {
        trace.end()
        await sensor.stop()
      },
    }
  },
})
