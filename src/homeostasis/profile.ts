import { delayOf, delayUnitMs } from './delay.ts'
import { hasSettled, stateName } from './life.ts'
import { bitCount, distanceMask, PairTable, RING, slotOf } from './pairs.ts'
import { tablesOf, takeTables } from './tables.ts'
import { Task } from './task.ts'
import type {
  DataSet,
  EmptyRule,
  OperatorVerb,
  ProfileKey,
  ProfileStateName,
  ProfileTables,
  Response,
  Settings,
} from './types.ts'

/** What one call did. One object per profile, filled anew by each call. */
export interface Outcome {
  /** Pairs unknown to the training and to the test table, as bits (bit d-1: distance d) and as numbers. */
  missingTrain: number
  missingTest: number
  trainMisses: number
  testMisses: number
  anomalous: boolean
  /** LFC after this call. */
  lfc: number
  /** ms this call is to be held: 0 while the response is `ignore` or LFC is 0. */
  delayMs: number
  frozen: boolean
  /** A new pair took `frozen` away. */
  unfrozen: boolean
  startedNormal: boolean
  /** The anomaly limit was exceeded. */
  stoppedNormal: boolean
  /** The tolerize limit is exceeded: training data was dropped (at every call while it is). */
  trainingReset: boolean
  /** The first such call since LFC was last at or under the limit. */
  trainingResetBegan: boolean
}

function emptySet(): DataSet<PairTable> {
  return { table: new PairTable(), sequences: 0, trainCount: 0, lastModCount: 0 }
}

/** pH's profile of one executable: two tables, counters, and its life from learning over frozen to normal. */
export class Profile {
  readonly key: ProfileKey
  /** Read at every call: a change takes effect at once. Window and EMPTY rule are the profile's own. */
  settings: Settings
  readonly window: number
  readonly empty: EmptyRule
  train = emptySet()
  test = emptySet()
  calls = 0
  /** Anomalous calls since it became normal: decides whether normal is dropped. Not the LFC. */
  anomalies = 0
  normal = false
  frozen = false
  /** ms since the epoch. */
  normalTime = 0
  /** undefined: whatever the default response is. */
  response: Response | undefined
  /** Names of the numbers 512 and up of a foreign trace. */
  readonly names = new Map<number, string>()
  readonly mask: number
  readonly #outcome: Outcome = {
    missingTrain: 0,
    missingTest: 0,
    trainMisses: 0,
    testMisses: 0,
    anomalous: false,
    lfc: 0,
    delayMs: 0,
    frozen: false,
    unfrozen: false,
    startedNormal: false,
    stoppedNormal: false,
    trainingReset: false,
    trainingResetBegan: false,
  }

  /** `key.window` rules over `settings.window`. Throws RangeError when it is not 2..9. */
  constructor(key: ProfileKey, settings: Settings) {
    if (!Number.isInteger(key.window) || key.window < 2 || key.window > 9)
      throw new RangeError(`a window has 2 to 9 calls, not ${key.window}`)
    this.key = key
    this.settings = settings
    this.window = key.window
    this.empty = settings.empty
    this.mask = distanceMask(key.window)
  }

  static fromTables(key: ProfileKey, tables: ProfileTables, settings: Settings): Profile {
    const profile = new Profile(key, settings)
    takeTables(profile, tables)
    return profile
  }

  /** A copy of tables and counters; rows are as wide as the tables (512 bytes, more for foreign traces). */
  toTables(): ProfileTables {
    return tablesOf(this)
  }

  get state(): ProfileStateName {
    return stateName(this)
  }

  /** A task that has just become this program. */
  begin(): Task {
    return new Task(this)
  }

  /**
   * pH_process_syscall: all that happens at one call, in pH's order (append, train, start normal, test, locality
   * frame, tolerize limit, delay). `call` is a number of the profile's ABI, `now` ms since the epoch. The outcome is
   * valid until the next call.
   */
  process(task: Task, call: number, now: number): Outcome {
    const { settings, train } = this
    const outcome = this.#outcome
    if (task.frame.length !== settings.localityWindow) task.frame.reset(settings.localityWindow)
    const slot = slotOf(call)
    task.calls++
    const at = (task.at + 1) & (RING - 1)
    task.at = at
    task.ring[at] = slot
    const mask = this.empty === 'skip' ? task.filled & this.mask : this.mask
    task.filled = ((task.filled << 1) | 1) & 0xff
    this.calls++

    outcome.frozen = outcome.unfrozen = false
    const missingTrain = train.table.missing(task.ring, at, mask)
    train.trainCount++
    if (missingTrain !== 0) {
      if (this.frozen) {
        this.frozen = false
        outcome.unfrozen = true
      }
      train.table.learn(task.ring, at, missingTrain)
      train.sequences++
      train.lastModCount = 0
    } else {
      train.lastModCount++
      if (!this.frozen && hasSettled(train, settings)) {
        this.frozen = true
        this.normalTime = now + settings.normalWait * 1000
        outcome.frozen = true
      }
    }

    outcome.startedNormal = this.frozen && now > this.normalTime
    if (outcome.startedNormal) {
      task.frame.reset()
      this.startNormal()
    }

    // The limit is looked at before the anomaly is counted, and the call that exceeds it is counted all the same.
    const missingTest = this.normal ? this.test.table.missing(task.ring, at, mask) : 0
    outcome.stoppedNormal = missingTest !== 0 && this.anomalies > settings.anomalyLimit
    if (outcome.stoppedNormal) {
      this.normal = false
      task.frame.reset()
    }
    if (missingTest !== 0) {
      this.anomalies++
      task.anomalous++
    }
    task.frame.add(missingTest !== 0)

    const lfc = task.frame.total
    const over = lfc > settings.tolerizeLimit
    if (over) {
      this.sensitize()
      this.anomalies = 0
    }
    outcome.trainingReset = over
    outcome.trainingResetBegan = over && !task.overLimit
    task.overLimit = over

    outcome.missingTrain = missingTrain
    outcome.missingTest = missingTest
    outcome.trainMisses = bitCount(missingTrain)
    outcome.testMisses = bitCount(missingTest)
    outcome.anomalous = missingTest !== 0
    outcome.lfc = lfc
    outcome.delayMs = lfc > 0 ? delayOf(lfc, this.delayUnitMs, settings.delayLimit * 1000) : 0
    return outcome
  }

  /** Unit of delay that is in force, in ms; 0: ignore. */
  get delayUnitMs(): number {
    return (this.response ?? this.settings.defaultResponse) === 'delay' ? delayUnitMs(this.settings) : 0
  }

  /** pH_start_normal: the training table becomes the test table; training goes on. Also the operator's `normalize`. */
  startNormal(): void {
    this.test = { ...this.train, table: this.train.table.clone() }
    this.anomalies = 0
    this.normal = true
    this.frozen = false
    this.train.lastModCount = 0
    this.train.trainCount = 0
  }

  /** Forgets training (pH's tolerize limit, the operator's `sensitize`). A frozen profile thaws at the next call. */
  sensitize(): void {
    if (this.train.table.pairs > 0) this.train.table.clear()
    this.train.sequences = 0
    this.train.trainCount = 0
    this.train.lastModCount = 0
  }

  /** The operator's `tolerize`: stops testing, back to learning; a wait for normal begins anew. */
  tolerize(): void {
    this.normal = false
    this.frozen = false
  }

  /** Forgets everything but the key, the response and the names. */
  reset(): void {
    this.train = emptySet()
    this.test = emptySet()
    this.calls = 0
    this.anomalies = 0
    this.normal = false
    this.frozen = false
    this.normalTime = 0
  }

  /** One of the operator's verbs. */
  act(verb: OperatorVerb): void {
    if (verb === 'normalize') this.startNormal()
    else this[verb]()
  }
}
