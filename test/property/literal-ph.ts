/**
 * pH 0.18 transcribed as literally as its formulas stand (ph section 1.3): dense matrices, byte loops, one field for
 * each of its fields. Slow on purpose: the yardstick the real one is held against.
 */
import type { EmptyRule, Settings } from '#homeostasis'

const N = 640
const EMPTY_CALL = 511

class LiteralData {
  sequences = 0
  last_mod_count = 0
  train_count = 0
  entry: (Uint8Array | undefined)[] = new Array(N).fill(undefined)

  copyFrom(other: LiteralData) {
    this.sequences = other.sequences
    this.last_mod_count = other.last_mod_count
    this.train_count = other.train_count
    this.entry = other.entry.map((row) => row?.slice())
  }
}

export class LiteralTask {
  profile: LiteralProfile
  /** pH's ring: data[last] is the newest call. */
  data: number[]
  last: number
  length: number
  win: number[]
  first: number
  total = 0
  max = 0
  delay = 0
  count = 0

  constructor(profile: LiteralProfile) {
    this.profile = profile
    this.length = profile.length
    this.data = new Array(this.length).fill(EMPTY_CALL)
    this.last = this.length - 1
    this.win = new Array(profile.settings.localityWindow).fill(0)
    this.first = this.win.length - 1
  }

  append(call: number) {
    this.last = (this.last + 1) % this.length
    this.data[this.last] = call
    this.count++
  }

  resetAlf() {
    this.win.fill(0)
    this.total = 0
    this.max = 0
    this.first = this.win.length - 1
    this.delay = 0
  }

  fork(): LiteralTask {
    const child = new LiteralTask(this.profile)
    child.data = [...this.data]
    child.last = this.last
    child.win = [...this.win]
    child.first = this.first
    child.total = this.total
    child.max = this.max
    return child
  }
}

export class LiteralProfile {
  settings: Settings
  length: number
  empty: EmptyRule
  normal = 0
  frozen = 0
  normal_time = 0
  count = 0
  anomalies = 0
  train = new LiteralData()
  test = new LiteralData()

  constructor(settings: Settings) {
    this.settings = settings
    this.length = settings.window
    this.empty = settings.empty
  }

  testSeq(task: LiteralTask, data: LiteralData): number {
    const current = task.data[task.last]!
    let mismatches = 0
    for (let i = 1; i < this.length; i++) {
      const previous = task.data[(task.last + this.length - i) % this.length]!
      if (this.empty === 'skip' && previous === EMPTY_CALL) continue
      const row = data.entry[current]
      if (row === undefined || (row[previous]! & (1 << (i - 1))) === 0) mismatches++
    }
    return mismatches
  }

  addSeq(task: LiteralTask, data: LiteralData) {
    const current = task.data[task.last]!
    for (let i = 1; i < this.length; i++) {
      const previous = task.data[(task.last + this.length - i) % this.length]!
      if (this.empty === 'skip' && previous === EMPTY_CALL) continue
      const row = data.entry[current] ?? new Uint8Array(N)
      data.entry[current] = row
      row[previous] = row[previous]! | (1 << (i - 1))
    }
  }

  doTrain(task: LiteralTask, now: number): number {
    const { normalFactor, normalFactorDen, normalWait } = this.settings
    this.train.train_count++
    const misses = this.testSeq(task, this.train)
    if (misses > 0) {
      if (this.frozen) this.frozen = 0
      this.addSeq(task, this.train)
      this.train.sequences++
      this.train.last_mod_count = 0
    } else {
      this.train.last_mod_count++
      if (this.frozen) return misses
      const normal_count = this.train.train_count - this.train.last_mod_count
      if (normal_count > 0 && this.train.train_count * normalFactorDen > normal_count * normalFactor) {
        this.frozen = 1
        this.normal_time = now + normalWait * 1000
      }
    }
    return misses
  }

  startNormal(task: LiteralTask) {
    task.resetAlf()
    this.test.copyFrom(this.train)
    this.anomalies = 0
    this.normal = 1
    this.frozen = 0
    this.train.last_mod_count = 0
    this.train.train_count = 0
  }

  addAnomalyCount(task: LiteralTask, a: number) {
    const i = (task.first + 1) % task.win.length
    if (a > 0) {
      this.anomalies++
      if (task.win[i] === 0) {
        task.win[i] = 1
        task.total++
        task.max = Math.max(task.max, task.total)
      }
    } else if (task.win[i]! > 0) {
      task.win[i] = 0
      task.total--
    }
    task.first = i
  }

  /** One system call; what it did. */
  processSyscall(task: LiteralTask, call: number, now: number) {
    const { anomalyLimit, tolerizeLimit, delayFactor, jiffyMs, delayLimit } = this.settings
    task.append(call)
    this.count++
    const trainMisses = this.doTrain(task, now)
    if (this.frozen && now > this.normal_time) this.startNormal(task)
    let a = 0
    let stopped = false
    if (this.normal) {
      a = this.testSeq(task, this.test)
      if (a > 0 && this.anomalies > anomalyLimit) {
        this.normal = 0
        task.resetAlf()
        stopped = true
      }
    }
    this.addAnomalyCount(task, a)
    const reset = task.total > tolerizeLimit
    if (reset) {
      this.train = new LiteralData()
      this.anomalies = 0
    }
    let delayMs = 0
    if (delayFactor > 0 && task.total > 0)
      delayMs = Math.min(delayFactor * 2 ** Math.min(task.total, 30) * jiffyMs, delayLimit * 1000)
    return { trainMisses, testMisses: a, stopped, reset, delayMs }
  }

  /** Every pair of a table as "current previous distance". */
  pairs(data: LiteralData): string[] {
    const all: string[] = []
    data.entry.forEach((row, current) => {
      row?.forEach((bits, previous) => {
        for (let i = 1; i < 9; i++) if (bits & (1 << (i - 1))) all.push(`${current} ${previous} ${i}`)
      })
    })
    return all
  }
}
