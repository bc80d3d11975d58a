import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClassExpressionError, classesNamed, evaluateClasses, parseClassExpression, whyNot } from '#classes'

const holds = (text: string, ...classes: string[]) =>
  evaluateClasses(parseClassExpression(text), (name) => classes.includes(name))

describe('class expressions', () => {
  it('follows cfengine: (), !, . and &, |', () => {
    assert.equal(holds('a.b|c', 'c'), true)
    assert.equal(holds('a.(b|c)', 'c'), false)
    assert.equal(holds('a.(b|c)', 'a', 'c'), true)
    assert.equal(holds('a&b', 'a', 'b'), true)
    assert.equal(holds('a|b.!c', 'b', 'c'), false)
    assert.equal(holds('!a.b', 'b'), true)
    assert.equal(holds('!(a|b)', 'b'), false)
    assert.equal(holds('!!a', 'a'), true)
    assert.equal(holds('a || b && c', 'b', 'c'), true)
  })

  it('takes what nobody set for false, and any for true', () => {
    assert.equal(holds('never'), false)
    assert.equal(holds('!never'), true)
    assert.equal(holds('any'), true)
    assert.equal(holds('!any', 'any'), false)
  })

  it('skips empty operands, as cfengine does', () => {
    assert.equal(holds('a||b', 'b'), true)
    assert.equal(holds('a..b', 'a', 'b'), true)
    assert.equal(holds('(a|).b', 'a', 'b'), true)
  })

  it('says where a mistake is', () => {
    for (const [text, at] of [
      ['a.(b', 2],
      ['a)', 1],
      ['a b', 2],
      ['a.!', 2],
      ['a-b', 1],
      ['', 0],
      ['()', 2],
      ['a.!.b', 2],
    ] as const)
      assert.throws(
        () => parseClassExpression(text),
        (error: ClassExpressionError) => error instanceof ClassExpressionError && error.at === at,
        text,
      )
    assert.throws(() => parseClassExpression(`${'('.repeat(100)}a${')'.repeat(100)}`), /levels/)
    assert.throws(() => parseClassExpression('a.'.repeat(4000)), /characters/)
  })

  it('names its classes with their sign and place', () => {
    assert.deepEqual(
      [...classesNamed(parseClassExpression('a.!(b|!c)'))],
      [
        { name: 'a', at: 0, positive: true },
        { name: 'b', at: 4, positive: false },
        { name: 'c', at: 7, positive: true },
      ],
    )
  })

  it('says what keeps it from holding', () => {
    const expression = parseClassExpression('a.b.!c')
    const of = (...classes: string[]) => whyNot(expression, (name) => classes.includes(name))
    assert.deepEqual(of('a', 'b'), [])
    assert.deepEqual(of('a', 'c'), ['b', '!c'])
  })
})
