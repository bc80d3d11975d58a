import { impliedBy } from './about-observable.ts'
import type { Warning } from './warnings.ts'

/** How many hosts must say the same, and within what time. */
export interface QuorumRules {
  /** Distinct hosts; 'third': one more than a third of the mesh, so that a third of liars never is a quorum by itself. At least 2. */
  hosts: number | 'third'
  windowMs: number
}

export const quorumRules: QuorumRules = { hosts: 'third', windowMs: 60 * 60_000 }

export function quorumOf({ hosts }: QuorumRules, members: number): number {
  return Math.max(2, hosts === 'third' ? Math.floor(members / 3) + 1 : hosts)
}

/** What is said of one content: enough of `Warning` to count with. */
export type Voice = Pick<Warning, 'peer' | 'kind' | 'subject' | 'raised' | 'expires'> &
  Partial<Pick<Warning, 'about' | 'sha256'>>

export interface NetworkView {
  /** Warnings of others that are not acknowledged, and what this host says itself. */
  voices: readonly Voice[]
  /** PeerId of this host: its own voice counts towards a quorum, and makes no class by itself. */
  self: string
  /** Hosts of the mesh, this one included. */
  members: number
  /** Does a file with this SHA-256 run on this host? */
  runs(sha256: string): boolean
  /** The local allow-list: what it names makes no class, whatever the network says. */
  allowed(voice: Voice): boolean
}

/** Classes that follow from what the network says, at most. */
export const classesLimit = 256

export interface NetworkClass {
  name: string
  /** Until when enough of the voices stand, ms since the epoch. */
  until: number
}

/**
 * The classes that follow from what the mesh says: `mesh_KIND` where another host says it; `mesh_KIND_quorum` where enough distinct
 * hosts say it of the same (file content, observable, or of themselves) within the window; `mesh_KIND_here` where it is said of a
 * file that runs on this host. A class of an observable stands for the weaker ones too: dev3 is also dev2 and dev1.
 * Pure. One host is one voice, however often it says it.
 */
export function networkClasses(view: NetworkView, rules: QuorumRules, now: number): NetworkClass[] {
  const classes = new Map<string, number>()
  const hold = (name: string, until: number) => classes.set(name, Math.max(until, classes.get(name) ?? 0))
  const contents = new Map<string, Voice[]>()
  for (const voice of view.voices) {
    if (voice.expires <= now || view.allowed(voice)) continue
    for (const kind of voice.about === 'observable' ? impliedBy(voice.kind) : [voice.kind]) {
      const content = `${kind}/${sameOf(voice)}`
      contents.set(content, [...(contents.get(content) ?? []), { ...voice, kind }])
      if (voice.peer !== view.self) hold(`mesh_${kind}`, voice.expires)
    }
    if (voice.peer === view.self) continue
    if (voice.sha256 && view.runs(voice.sha256)) hold(`mesh_${voice.kind}_here`, voice.expires)
  }
  const needed = quorumOf(rules, view.members)
  for (const voices of contents.values()) {
    const until = together(voices, needed, rules.windowMs)
    if (until !== undefined) hold(`mesh_${voices[0]?.kind}_quorum`, until)
  }
  const all = [...classes].map(([name, until]) => ({ name, until }))
  // Names of observables are the network's own: they must not fill the board. What many say comes first.
  const many = (name: string) => (/_(?:quorum|here)$/.test(name) ? 0 : 1)
  const kept = all.sort((a, b) => many(a.name) - many(b.name) || b.until - a.until).slice(0, classesLimit)
  return kept.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Hosts that say it of themselves say the same; otherwise the file's content, or the name, must be one. */
const sameOf = ({ about, sha256, subject }: Voice): string => (about === 'host' ? '' : sha256 || subject)

/** Until when `needed` distinct hosts, who began within one window, go on saying it; nothing where there are fewer. */
function together(voices: Voice[], needed: number, windowMs: number): number | undefined {
  const byPeer = new Map<string, Voice>()
  for (const voice of voices) {
    const held = byPeer.get(voice.peer)
    const later = held === undefined || voice.raised > held.raised
    if (later || (voice.raised === held.raised && voice.expires > held.expires)) byPeer.set(voice.peer, voice)
  }
  const all = [...byPeer.values()].sort((a, b) => a.raised - b.raised)
  let best: number | undefined
  for (const [i, first] of all.entries()) {
    const ends = all
      .slice(i)
      .filter(({ raised }) => raised - first.raised <= windowMs)
      .map(({ expires }) => expires)
      .sort((a, b) => b - a)
    const until = ends[needed - 1]
    if (until !== undefined) best = Math.max(until, best ?? 0)
  }
  return best
}
