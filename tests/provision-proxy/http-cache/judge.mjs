// SPDX-License-Identifier: Apache-2.0
// Judges runs of the conformance suite: judge.mjs SUITE OURS NAME=FILE...
//
// SUITE is the folder of the package, OURS the name of the system under test, each FILE what the suite's command line
// printed for the system NAME. A test is judged as the suite does itself: failed, passed, or not decided because what
// it depends on, or its own preparation, did not come about. Prints figures, failures by group, and the assertions.
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const MIN_REQUIRED = 140
const GROUPS = {
  stale: ['stale'],
  update304: ['update304'],
  invalidation: ['invalidation'],
  conditional: ['conditional-lm', 'conditional-inm'],
  partial: ['partial'],
  auth: ['auth'],
  vary: ['vary', 'vary-parse'],
  'age-parse': ['age-parse'],
  headers: ['headers']
}

// Prepared by an origin that sends a transfer coding of no known name. What it did to the bytes nobody knows: such an
// answer is refused, where the suite expects that it is passed on and stored.
const REFUSED_BY_DESIGN = ['headers-store-Transfer-Encoding']

const [suitePath, ours, ...runs] = process.argv.slice(2)
const part = name => import(pathToFileURL(path.resolve(suitePath, name)).href)
const suites = [...(await part('tests/index.mjs')).default, (await part('tests/surrogate-control.mjs')).default]
const { determineTestResult } = await part('lib/display.mjs')

const PASSED = '✅'
const FAILED = ['⛔️', '⚠️', '⁉️'] // required, optimal, the harness itself
const MOOT = '⚪️' // rests on a test that did not pass

const tests = new Map(suites.flatMap(suite => suite.tests.map(test => [test.id, test])))

// Of one system: [{group, kind, id, outcome, why}], without what a browser alone can do and without mere questions.
function judge (results) {
  const rows = []
  for (const suite of suites) {
    for (const test of suite.tests) {
      const kind = test.kind ?? 'required'
      if (test.browser_only || kind === 'check') continue
      const symbol = determineTestResult(suites, test.id, results)[2]
      const outcome = symbol === PASSED ? 'passed' : FAILED.includes(symbol) ? 'failed' : 'undecided'
      // About something that this system does not do, and need not.
      const moot = symbol === MOOT && test.depends_on.every(id => results[id] === true || tests.get(id).kind === 'check')
      const why = symbol === MOOT ? `rests on ${test.depends_on}` : results[test.id]?.[1] ?? 'not run'
      rows.push({ group: suite.id, kind, id: test.id, outcome, moot, why: String(why).replaceAll(/\s+/g, ' ').slice(0, 120) })
    }
  }
  return rows
}

const systems = new Map(runs.map(run => {
  const at = run.indexOf('=')
  return [run.slice(0, at), judge(JSON.parse(fs.readFileSync(run.slice(at + 1), 'utf8')))]
}))
const count = (rows, kind, outcome) => rows.filter(row => row.kind === kind && row.outcome === outcome).length

console.log('system               required: passed failed undecided   optimal: passed failed undecided')
for (const [name, rows] of systems) {
  const figures = kind => ['passed', 'failed', 'undecided'].map((outcome, i) =>
    String(count(rows, kind, outcome)).padStart([6, 7, 10][i])).join('')
  console.log(`${name.padEnd(30)}${figures('required')}            ${figures('optimal')}`)
}

console.log('\nrequired and optimal tests that failed, by group')
console.log(['group'.padEnd(18), ...[...systems.keys()].map(name => name.padStart(20))].join(''))
for (const suite of suites) {
  const cells = [...systems.values()].map(rows => ['required', 'optimal'].map(kind =>
    count(rows.filter(row => row.group === suite.id), kind, 'failed')))
  if (cells.flat().some(n => n > 0)) {
    console.log(suite.id.padEnd(18) + cells.map(([r, o]) => `${r} + ${o}`.padStart(20)).join(''))
  }
}

const mine = systems.get(ours)
console.log(`\nwhat ${ours} did not pass`)
for (const row of mine.filter(row => row.outcome !== 'passed')) {
  console.log(`  ${row.outcome.padEnd(10)}${row.kind.padEnd(9)} ${row.group}/${row.id}: ${row.why}`)
}

let passed = 0
let failed = 0
function assert (holds, text) {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${text}`)
  if (holds) passed++; else failed++
}
console.log('')
for (const [name, rows] of systems) {
  if (name === ours) continue
  for (const kind of ['required', 'optimal']) {
    const [we, they] = [count(mine, kind, 'passed'), count(rows, kind, 'passed')]
    assert(they > 0 && we > they, `more ${kind} tests pass than with ${name}: ${we}, ${they}`)
  }
}
const required = count(mine, 'required', 'passed')
assert(required >= MIN_REQUIRED, `at least ${MIN_REQUIRED} required tests pass: ${required}`)
for (const [name, ids] of Object.entries(GROUPS)) {
  const rows = mine.filter(row => ids.includes(row.group) && row.kind === 'required')
  const open = rows.filter(row => row.moot || REFUSED_BY_DESIGN.includes(row.id))
  const bad = rows.filter(row => row.outcome !== 'passed' && !open.includes(row))
  const rest = (bad.length ? `: ${bad.map(row => row.id).join(', ')}` : '') + (open.length ? ` (${open.length} undecided)` : '')
  assert(rows.length > 0 && bad.length === 0, `no required test of ${rows.length} fails in ${name}${rest}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
