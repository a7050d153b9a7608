// oracle_text.mjs: text.h (flavour Bluesky) against Bluesky's own client library, over generated texts.
//
//   SMMQ_NODE_MODULES=dir SMMQ_TEXTDUMP=program node oracle_text.mjs [count [seed]]
//
// dir is a node_modules directory with @atproto/api; program is tests/unit/textdump. The texts depend on the seed only.
// Stated differences, applied to the library's answer before comparing:
//  - facets that overlap an earlier one are dropped, as the library does itself when it shows them;
//  - links that the server's own check of URIs refuses are dropped, since it would refuse the whole post; a bare domain
//    that begins with "http" gets its scheme;
//  - characters and endings newer than Debian's ICU and public suffix list are not generated.
import { createRequire } from 'node:module'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

function skip(why) {
  console.log(`SKIP oracle_text: ${why}`)
  process.exit(77)
}

const modules = process.env.SMMQ_NODE_MODULES
const program = process.env.SMMQ_TEXTDUMP
if (!modules) skip('SMMQ_NODE_MODULES names no node_modules directory with @atproto/api')
if (!existsSync(join(modules, '@atproto/api/package.json'))) skip(`@atproto/api is not installed in ${modules}`)
if (!program || !existsSync(program)) skip('SMMQ_TEXTDUMP names no program (tests/unit/textdump)')
const require = createRequire(join(resolve(modules), 'x.js'))
const { RichText } = require('@atproto/api')
const { isValidUri } = require('@atproto/syntax')
const tlds = new Set(require('tlds'))

// xorshift32: small, and the same everywhere.
let state = Number(process.argv[3] ?? 1) >>> 0 || 1
function random(n) {
  state ^= state << 13; state >>>= 0
  state ^= state >>> 17
  state ^= state << 5; state >>>= 0
  return state % n
}
const pick = (list) => list[random(list.length)]

const spaces = [' ', ' ', ' ', '\n', '\r\n', '\t', '\u00a0', '\u2003', '\u200a', '\u3000', '\ufeff', '\u2028',
  '\u0085', '\u1680']
const invisible = ['\u200b', '\u200c', '\u200d', '\u2060', '\u00ad', '\u20e2', '\ufe0f', '\u200e']
const words = ['hello', 'Grüße', 'naïve', 'e\u0301te\u0301', '你好', '東京', '한국어', 'กำลัง', 'शक्ति', 'বাংলা', 'שלום',
  'مرحبا', 'Ωmega',
  'ﬁ', 'a_b', 'x', '123', '007', 'Z\u0308\u0323', '각', 'ǅ', 'ß', '١٢٣', '²', 'Ⅷ', '_', '__a', 'ſ', '\u212a']
const emoji = ['😀', '👍🏽', '👨‍👩‍👧‍👦', '🏳️‍🌈', '🇫🇷', '🇫🇷🇩🇪', '🇦', '1️⃣', '#️⃣', '❤️', '☺', '🧑🏿‍🚀', '\u200d',
  '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '👩‍', '🫠']
const punctuation = ['.', ',', ';', ':', '!', '?', ')', '(', '))', '((', '"', "'", '’', '…', '。', '」', '«', '-',
  '_', '/', '\\', '*', '&',
  '$', '+', '^', '|', '~', '<', '>', '@', '#', '＃', '¿', '[', ']', '{', '}', '%', '=', '`', '·', '・']
const domains = ['example.com', 'acme.example', 'bsky.app', 'co.uk', 'foo.co.uk', 'a.b.c.d.org', 'Example.COM',
  'example.Com',
  'x.test', 'test', 'http.cat', 'https.com', 'httpd.apache.org', '1.com', 'a1.io', 'foo.invalidtld', 'nic.museum',
  'xn--p1ai.com',
  'site.xn--p1ai', 'www.gov.ck', 'bank.co.za', 'foo..com', '.com', 'a.com.', 'foo.comx', 'x.dev-',
  'under_score.com', 'dash-ed.net',
  'münchen.de', 'foo.рф', 'x.com_y', 'a.b.comm', 'foo.jp', 'foo.com.com', 'com.com', 'sub.foo.city.kawasaki.jp',
  'a.github.io']
const tails = ['', '', '/', '/path', '/a(b)', '/a)', '?q=1&r=(2)', '#frag', '/x.', '/x!?', '/x,', '/(foo)',
  '/ü/日本', ':8080/x', '/x).',
  '/a/…', '/😀', '/x\u200b', '/@user', '/$ABC', '/(@a.com', '/(b.com)']
const schemes = ['http://', 'https://', 'https://', 'HTTP://', 'Https://', 'https:/', 'httpx://', 'ftp://',
  'http:///', 'https://.', 'http://)']
const tags = ['tag', 'Tag.', 'a#b', '日本語', 'tag!', '123', '1a', 'a1', '!', '.a', 'a.b', "it's", 'été', 'e\u0301',
  '😀', '👍🏽!', '\ufe0fa', 'a\ufe0f',
  'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(65), '😀'.repeat(32), '😀'.repeat(33), 'x'.repeat(64) + '!!', '$ABC',
  '+', '-', '_', '___', '١٢٣',
  '²', 'ok(bar.com', 'ok(@bar.com)', 'a\u00adb', 'a\u200bb', '', '“a”', 'x…', 'ⅷ', '_x_', '1.2', '1+1', '\u0301']
const cash = ['ABC', 'abc', 'A', 'A1B2C', 'ABCDEF', '1AB', 'ABC.', 'ABC)', 'ABC’', 'ABC”',
  'ABC"', "ABC's", 'ABC$DEF', 'A-B', 'Aé', 'ABC\u200b', '']

const makers = [
  () => pick(words), () => pick(words), () => pick(emoji), () => pick(punctuation), () => pick(invisible),
  () => pick(schemes) + pick(domains) + pick(tails), () => pick(schemes), () => pick(domains) + pick(tails),
    () => pick(domains),
  () => '@' + pick(domains), () => '@' + pick(words) + '.' + pick(domains),
    () => '@' + pick(domains) + pick(punctuation),
  () => pick(['#', '#',
  '＃']) + pick(tags), () => '#' + pick(tags) + pick(punctuation) + pick(tags), () => '$' + pick(cash),
  () => '(' + pick(domains) + ')', () => '(@' + pick(domains) + ')', () => '($' + pick(cash) + ')',
    () => '(https://' + pick(domains) + pick(tails) + ')',
  () => String.fromCodePoint(0x20 + random(0x5f)), () => String.fromCodePoint(0xa0 + random(0x400)),
]

function makeText() {
  let text = random(4) === 0 ? pick(spaces) : ''
  for (let n = 1 + random(10); n > 0; n--) {
    text += pick(makers)()
    if (random(5) > 0) text += pick(spaces)
    else if (random(2) > 0) text += pick(punctuation)
  }
  return text
}

function withScheme(uri) {
  const name = /^[a-z][a-z0-9]*(\.[a-z0-9]+)+/i.exec(uri)
  return name && tlds.has(name[0].slice(name[0].lastIndexOf('.') + 1)) ? `https://${uri}` : uri
}

function expected(text) {
  const rich = new RichText({ text })
  const facets = []
  let end = 0
  rich.detectFacetsWithoutResolution()
  for (const facet of rich.facets ?? []) {
    const feature = facet.features[0]
    const kind = feature.$type.split('#')[1]
    let value = kind === 'link' ? feature.uri : kind === 'mention' ? feature.did : feature.tag
    if (kind === 'link' && !/^https?:\/\//.test(value)) value = withScheme(value)
    if ((kind === 'link' && !isValidUri(value)) || facet.index.byteStart < end) continue
    end = facet.index.byteEnd
    facets.push({ start: facet.index.byteStart, end, kind, value: Buffer.from(value).toString('hex') })
  }
  return { graphemes: rich.graphemeLength, facets }
}

const count = Number(process.argv[2] ?? 5000)
const texts = Array.from({ length: count }, makeText)
const run = spawnSync(program, {
  input: texts.map((t) => Buffer.from(t).toString('hex')).join('\n') + '\n', encoding: 'utf8', maxBuffer: 1 << 30,
})
if (run.status !== 0) {
  console.log(`not ok: ${program} ended with ${run.status ?? run.signal}: ${run.stderr}`)
  process.exit(1)
}
const lines = run.stdout.trim().split('\n')
let bad = 0, facets = 0
texts.forEach((text, i) => {
  const want = JSON.stringify(expected(text))
  facets += JSON.parse(want).facets.length
  if (want === lines[i]) return
  if (++bad <= 10) console.log(`differs: ${JSON.stringify(text)}\n  library ${want}\n  ours    ${lines[i]}`)
})
console.log(`${bad === 0 && lines.length === count ? 'ok' : 'not ok'}: ${count} texts, ${facets} facets, ${bad} differ`)
process.exit(bad === 0 && lines.length === count && facets > 0 ? 0 : 1)
