import { judged, lfc } from './detectors.ts'
import { areaOf } from './figures.ts'
import { sets } from './sets.ts'

const put: any = {
  end: (t: any[], p: any[]) => [...t, ...p],
  front: (t: any[], p: any[]) => [...p, ...t],
  spread: (t: any[], p: any[]) => {
    const m = [...t]
    p.forEach((x, i) => m.splice(Math.floor(((i + 1) * t.length) / (p.length + 1)) + i, 0, x))
    return m
  },
  middle: (t: any[], p: any[]) => [...t.slice(0, t.length >> 1), ...p, ...t.slice(t.length >> 1)],
}
for (const set of process.argv.slice(2)) {
  const split = await sets[set]!()
  const k = split.attack.length === 2 ? 1 : 2
  const learnt = split.attack.slice(0, k),
    rest = split.attack.slice(k)
  for (const [name, mix] of Object.entries(put) as any) {
    const area = (d: any) =>
      areaOf({
        normal: split.folds.flatMap((f) => f.normal.map(d(mix(f.train, learnt)))),
        attack: rest.map(d(mix(split.all, learnt))),
      })
    console.log(
      set,
      split.attack.length,
      'first',
      k,
      name,
      area(lfc(9)).toFixed(3),
      '->',
      area(judged(9)).toFixed(3),
    )
  }
}
