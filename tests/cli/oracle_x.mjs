// oracle_x.mjs: text.h (lengths and links as X has them) against X's own client library, over generated texts.
//
//   SMMQ_NODE_MODULES=dir SMMQ_TEXTDUMP=program node oracle_x.mjs [count [seed]]
//
// dir is a node_modules directory with twitter-text, its emoji those of Unicode 15 as Debian's ICU has them; program is
// tests/unit/textdump. The texts depend on the seed only. Among these characters no text may differ. Listed at the end:
// emoji newer than Unicode 15, which are never shorter to us than to the library that knows them, and endings of domains that
// only the library knows, which are none any more.
import { createRequire } from 'node:module'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

function skip(why) {
  console.log(`SKIP oracle_x: ${why}`)
  process.exit(77)
}

const modules = process.env.SMMQ_NODE_MODULES
const program = process.env.SMMQ_TEXTDUMP
if (!modules) skip('SMMQ_NODE_MODULES names no node_modules directory with twitter-text')
if (!existsSync(join(modules, 'twitter-text/package.json'))) skip(`twitter-text is not installed in ${modules}`)
if (!program || !existsSync(program)) skip('SMMQ_TEXTDUMP names no program (tests/unit/textdump)')
const require = createRequire(join(resolve(modules), 'x.js'))
const twitter = require('twitter-text')
const newest = require('@twemoji/parser')

// xorshift32: small, and the same everywhere.
let state = Number(process.argv[3] ?? 1) >>> 0 || 1
function random(n) {
  state ^= state << 13; state >>>= 0
  state ^= state >>> 17
  state ^= state << 5; state >>>= 0
  return state % n
}
const pick = (list) => list[random(list.length)]
const some = (list, max) => Array.from({ length: 1 + random(max) }, () => pick(list)).join('')

// ---- our side

function ours(texts) {
  const run = spawnSync(program, ['x'], {
    input: texts.map((t) => Buffer.from(t).toString('hex')).join('\n') + '\n', encoding: 'utf8', maxBuffer: 1 << 30,
  })
  if (run.status !== 0) {
    console.log(`not ok: ${program} ended with ${run.status ?? run.signal}: ${run.stderr}`)
    process.exit(1)
  }
  return run.stdout.trim().split('\n').map((line) => JSON.parse(line))
}

// ---- the texts

const endingsOf = (name) => {
  const regexp = require(`twitter-text/dist/regexp/${name}`)
  return /\(\?:\(\?:(.*?)\)/.exec((regexp.default ?? regexp).source)[1].split('|')
}
const allEndings = [...endingsOf('validGTLD'), ...endingsOf('validCCTLD')]
const lengths = ours(allEndings.map((ending) => `http://${'long'.repeat(9)}.${ending}`))
const endings = allEndings.filter((_, i) => lengths[i].length === 23)
const gone = allEndings.filter((_, i) => lengths[i].length !== 23)

const spaces = [' ', ' ', ' ', ' ', '\n', '\t', '\u00a0', '\u2003', '\u200a', '\u3000', '\u2028', '\u1680', '\u0085']
const invisible = ['\u200b', '\u200c', '\u200d', '\u2060', '\u00ad', '\ufe0f', '\ufe0e', '\u200e', '\u202a', '\u2066', '\u061c', '\u20e3']
const words = ['hello', 'Grüße', 'naïve', 'e\u0301te\u0301', '你好', '東京', '한국어', '\u1112\u1161\u11ab', 'กำลัง', 'शक्ति', 'বাংলা', 'שלום',
  'مرحبا', 'Ωmega', 'ﬁ', 'a_b', 'x', '123', 'Z\u0308\u0323', 'ǅ', 'ß', 'ẞ', '١٢٣', '²', 'Ⅷ', '_', 'ſ', '\u212a', 'ʒ', 'ɠ', 'ι', 'ᲀ', 'Привет',
  '€', '™', '•', '…', '–', '—', '“x”', '‘', 'a\u0327\u0301', '\u0345', '𝒳', '𠮷', '𞤀', 'q\u0307\u0323']
const punctuation = ['.', ',', ';', ':', '!', '?', ')', '(', "'", '"', '`', '’', '。', '．', '」', '-', '_', '/', '\\', '*', '&', '$', '+', '^', '|', '~',
  '<', '>', '@', '＠', '#', '＃', '[', ']', '{', '}', '%', '=', '·']
const labels = ['example', 'www', 'foo', 'a', 'x-y', 'a_b', 'münchen', '日本', 'éclair', '-x', 'x-', '_x', 'EXAMPLE', '1', 'xn--p1ai', 'xn--', 'xn--é', 't',
  'пример', '😀', 'x'.repeat(63), 'x'.repeat(64), 'ü'.repeat(40), 'ü'.repeat(60), 'a。b', 'com', 'co', 'ex"ample', '한국', 'e\u0301']
const wrongEndings = ['invalidtld', 'comx', 'c', 'com1', 'com日', 'comé', 'com_x', 'com-', 'com@x', 'COM', 'Рф', 'xn--p1ai', 'xn--p1ai-x', '']
const tails = ['', '', '', '/', '/path', '/a(b)', '/a)', '/(foo)', '/((x))', '/(a(b)c)', '/((a(b)))', '/a_(b)_(c)', '?q=1&r=(2)', '?', '?!', '/x?y=1', '/x?y=!',
  '#frag', '/x.', '/x!?', '/x,', '/ü/日本', ':8080', ':8080/x', ':x', '/x).', '/a/…', '/😀', '/1️⃣', '/x\u200b', '/@user', '/@user/', '/$ABC', '/–', '/привет',
  '/a;b=c', '/~x', '/*', '/=', '/x|y', '/ι', '/ɠ', '/\u0345', '?x=–', '/x?a=1/b?c']
const schemes = ['http://', 'https://', 'https://', 'HTTP://', 'hTTps://', 'https:/', 'httpx://', 'ftp://', 'http:///']
const emoji = ['😀', '👍', '👍🏽', '👨‍👩‍👧‍👦', '👩🏽‍❤️‍💋‍👨🏿', '🏳️‍🌈', '🏴‍☠️', '🇫🇷', '🇫🇷🇩🇪', '🇦', '1️⃣', '#️⃣', '*⃣', '❤️', '☺', '🧑🏿‍🚀', '🕵️‍♀️', '🕵🏽‍♂️', '👁‍🗨', '👁️‍🗨️',
  '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '🏴󠁧󠁢󠁸󠁿', '👩‍', '🫠', '🫨', '🐈‍⬛', '🐦‍⬛', '🪿', '©️', '©', '®️', '™️', '♾️', '♟️', '⌚️', '👍️', '☝️🏽', '⛷🏽', '🧑‍🤝‍🧑', '🫱🏻‍🫲🏿', '🤝🏽', '👪', '🧌']
const pieces = ['👨', '👩', '🧑', '👧', '👦', '❤️', '❤', '💋', '🤝', '🫱', '🫲', '🏳️', '🏳', '🏴', '🌈', '☠️', '⚧️', '🕵', '🕵️', '⛹️', '🏋', '♀️', '♂️', '♀', '⚕️', '✈️',
  '🚀', '🦰', '🍼', '🐈', '🐻', '❄️', '⬛', '👁', '🗨', '🔥', '🩹', '🏻', '🏽', '🏿', '🇦', '🇫', '🇷', '🇪', '1', '#', '*', '☝', '✌', '🖐', '🫰', '⛷', '\u200d', '\u200d', '\u200d',
  '\u200d', '\ufe0f', '\ufe0f', '\ufe0e', '\u20e3', '󠁧', '󠁢', '󠁥', '󠁮', '󠁿']

const domain = () => `${Array.from({ length: 1 + random(3) }, () => pick(labels)).join('.')}.${random(5) ? pick(endings) : pick(wrongEndings)}`
const link = () => (random(2) ? pick(schemes) : '') + domain() + pick(tails)
const short = () => `https://t.co/${pick(['abc', 'Ab1', 'x'.repeat(40), 'x'.repeat(41), ''])}${pick(['', '/x', '?a=1', '?a=1/!', '.', 'é'])}`
// Assigned in Unicode 15, no control characters, and none that ECMAScript pairs with a letter of a newer version.
const assigned = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u
function character() {
  const range = pick([[0x20, 0x5f], [0xa0, 0x1000], [0x1e00, 0x1400], [0x3000, 0x200], [0xfe00, 0x1f0], [0x1f000, 0xb00], [0x10400, 0x300]])
  const c = String.fromCodePoint(range[0] + random(range[1]))
  return assigned.test(c) ? c : 'x'
}
const makers = [
  () => pick(words), () => pick(words), () => pick(emoji), () => some(emoji, 3), () => some(pieces, 6), () => some(pieces, 12),
  () => pick(punctuation), () => pick(invisible), link, link, link, domain, short, () => pick(schemes),
  () => pick(words) + domain(), () => pick(emoji) + link(), () => '@' + pick(words), () => '@' + domain(), () => '#' + pick(words),
  () => '$' + pick(['ABC', 'abc', 'TOOLONG', 'A.B', '1']), () => '(' + link() + ')', () => pick(punctuation) + link() + pick(punctuation),
  () => '日本語' + link() + 'です', character, character, () => Array.from({ length: 8 }, character).join(''),
]

function makeText() {
  let text = random(4) === 0 ? pick(spaces) : ''
  for (let n = 1 + random(8); n > 0; n--) {
    text += pick(makers)()
    if (random(5) > 0) text += pick(spaces)
  }
  return text
}

// ---- the library's side

// Links that begin inside a mention or tag of ours are none: the library drops them as well where it shows a text.
function expected(text, facets) {
  const units = (bytes) => Buffer.from(text).subarray(0, bytes).toString().length
  const covered = facets.filter((f) => f.kind !== 'link').map((f) => [units(f.start), units(f.end)])
  const free = (u) => !covered.some(([start, end]) => u.indices[0] >= start && u.indices[0] < end)
  return {
    length: twitter.parseTweet(text).weightedLength,
    links: text === text.normalize() ? twitter.extractUrlsWithIndices(text).filter(free).map((u) => u.url) : null,
  }
}

const count = Number(process.argv[2] ?? 10000)
const texts = Array.from({ length: count }, makeText)
const got = ours(texts)
let bad = 0, links = 0
texts.forEach((text, i) => {
  const want = expected(text, got[i].facets)
  const found = got[i].facets.filter((f) => f.kind === 'link').map((f) => Buffer.from(f.value, 'hex').toString())
  // A name whose path stands behind other letters is to the library no part of the text: nothing to compare.
  const same = !want.links || (want.links.length === found.length && want.links.every((u, k) => found[k].endsWith(u) || !text.includes(u)))
  links += found.length
  if (got[i].length === want.length && same) return
  if (++bad <= 10) console.log(`differs: ${JSON.stringify(text)}\n  library ${JSON.stringify(want)}\n  ours    ${got[i].length} ${JSON.stringify(found)}`)
})

// ---- what is newer

const newer = ['🐦‍🔥', '🍋‍🟩', '⛓️‍💥', '🍄‍🟫', '🙂‍↔️', '🙂‍↕️', '🚶‍➡️', '🚶🏽‍♀️‍➡️', '🧑‍🧑‍🧒', '🧑‍🧒', '🫩', '🫆', '🇨🇶', '\u{1faea}', '\u{1f6d8}', '🧑🏽‍🩰', '👯🏽', '👯🏽‍♀️']
const known = ours(newer)
let under = 0
newer.forEach((text, i) => {
  const want = newest.parse(text).length * 2
  if (known[i].length !== want) console.log(`newer than Unicode 15: ${text} is ${want} to the newest library, ${known[i].length} to us`)
  under += known[i].length < want
})
console.log(`endings that are none any more: ${gone.length} of ${allEndings.length}: ${gone.join(' ')}`)
const good = bad === 0 && under === 0 && got.length === count && links > 0 && endings.length > 1400
console.log(`${good ? 'ok' : 'not ok'}: ${count} texts, ${links} links, ${bad} differ`)
process.exit(good ? 0 : 1)
