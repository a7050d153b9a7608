// contract.mjs: every request of the exchange scripts before the vendors' own specifications.
//
//     node contract.mjs DUMP SPECS EXCEPTIONS [--list]
//
// Ends with 1 if a request breaks its specification and no exception says why, if an exception is of no use, if exceptions are
// more than 2 % of what was judged, or if a platform that has a judge was not judged at all.
import { readFileSync } from 'node:fs'
import { openapi } from './judge_openapi.mjs'
import { lexicons } from './judge_lexicon.mjs'
import { google } from './judge_google.mjs'
import { meta } from './judge_meta.mjs'
import { mutants } from './mutants.mjs'

const [dump, specs, exceptionsFile, list] = process.argv.slice(2)
const MOST = 0.02
// No vendor has written these down for machines (specs/SOURCES.md); the last two are ours.
const UNWRITTEN = ['threads', 'linkedin', 'tiktok', 'snapchat', 'outbox', 'webhook']

// X's file calls posts "posts" throughout, its guides and its clients "tweets" (contract x.md, 3); and it forgets one field of
// its own Post among those that can be asked for.
const x = {
	alias: (key, value) => [key.replace('tweet.fields', 'post.fields'), key === 'tweet.fields' ? value.replaceAll('tweet', 'post') : value],
	mend: (d) => {
		const fields = d.components.parameters.PostFieldsParameter.schema.items
		fields.enum = [...new Set([...fields.enum, ...Object.keys(d.components.schemas.Post.properties)])]
	},
}

const judges = {
	x: await openapi(`${specs}/x-openapi.json`, ['api.x.com', 'x.example'], x),
	pinterest: await openapi(`${specs}/pinterest-openapi.json`, ['api.pinterest.com']),
	mastodon: await openapi(`${specs}/mastodon-openapi.json`, ['social.example'], { headers: { 'Idempotency-Key': { type: 'string' } } }),
	bluesky: lexicons(`${specs}/bluesky`, ['bsky.social', 'pds1.example', 'pds2.example', 'public.api.bsky.app', 'video.bsky.app', '127.0.0.1:2583', 'localhost:2583']),
	youtube: google(`${specs}/youtube-v3-discovery.json`, ['www.googleapis.com', 'youtube.googleapis.com']),
	facebook: meta(`${specs}/meta`, ['Page', 'PagePost', 'Post'], ['graph.facebook.com', 'graph-video.facebook.com', 'fb.example']),
	instagram: meta(`${specs}/meta`, ['IGUser', 'IGMedia', 'Page'], ['graph.facebook.com', 'graph.instagram.com']),
}

function multipart(type, text) {
	const boundary = /boundary="?([^";]+)/.exec(type)?.[1], out = {}
	for (const part of text.split(`--${boundary}`).slice(1, -1)) {
		const [head, ...body] = part.split('\r\n\r\n')
		out[/name="([^"]*)"/.exec(head)[1]] = body.join('\r\n\r\n').replace(/\r\n$/, '')
	}
	return out
}

function understood(line) {
	// A picture inside of JSON, as any text in base64.
	const r = JSON.parse(line.replace(/<base64 [^>]*>/g, 'QUJD')), headers = Object.fromEntries(Object.entries(r.headers).map(([k, v]) => [k.toLowerCase(), v]))
	const type = (headers['content-type'] ?? '').split(';')[0].trim().toLowerCase()
	const body = r.body === '' ? undefined : type === 'application/json' ? JSON.parse(r.body) :
		type === 'application/x-www-form-urlencoded' ? Object.fromEntries(new URLSearchParams(r.body)) :
			type === 'multipart/form-data' ? multipart(headers['content-type'], r.body) : r.body
	return { ...r, url: new URL(r.url, 'file:///'), headers, type, body, text: r.body }
}

const requests = readFileSync(dump, 'utf8').trim().split('\n').map(understood)
const exceptions = JSON.parse(readFileSync(exceptionsFile, 'utf8'))
const shown = (r) => `${r.platform} ${r.script} ${r.method} ${r.url.href.slice(0, 200)}`
const fits = (e, r, wrong) => e.platform === r.platform && new RegExp(e.request).test(`${r.method} ${r.url.href}`) && (!e.wrong || new RegExp(e.wrong).test(wrong))

let failed = 0
const fail = (text) => {
	failed++
	console.log(`not ok - ${text}`)
}
const count = {}, used = new Set(), excepted = new Set()
const add = (platform, what) => {
	count[platform] ??= { judged: 0, elsewhere: 0, unwritten: 0, excepted: 0 }
	count[platform][what]++
}

for (const r of requests) {
	const judge = judges[r.platform]
	if (!judge) {
		add(r.platform, 'unwritten')
		if (!UNWRITTEN.includes(r.platform))
			fail(`nobody judges ${r.platform}`)
		continue
	}
	const outside = exceptions.elsewhere.find((e) => fits(e, r))
	if (outside) {
		used.add(outside)
		add(r.platform, 'elsewhere')
		continue
	}
	if (!judge.covers(r)) {
		fail(`${shown(r)}: no server of the specification, nor a place that is told of`)
		continue
	}
	add(r.platform, 'judged')
	for (const wrong of judge.judge(r)) {
		const e = exceptions.exceptions.find((x) => fits(x, r, wrong))
		if (e) {
			used.add(e)
			excepted.add(r)
		} else {
			fail(`${shown(r)}: ${wrong}`)
			if (list)
				console.log(`    ${r.text.slice(0, 300)}`)
		}
	}
}
for (const e of [...exceptions.exceptions, ...exceptions.elsewhere]) {
	if (!used.has(e))
		fail(`an exception is of no use: ${JSON.stringify(e)}`)
	if (!e.reason || !e.contract)
		fail(`an exception without a reason or a place in the contract: ${JSON.stringify(e)}`)
}
for (const r of excepted)
	add(r.platform, 'excepted')
for (const platform of Object.keys(judges))
	if (!count[platform]?.judged)
		fail(`nothing of ${platform} was judged`)

let judged = 0
for (const [platform, c] of Object.entries(count)) {
	judged += c.judged
	console.log(c.unwritten ? `${platform}: ${c.unwritten} requests, for which there is no specification` :
		`${platform}: ${c.judged} requests judged, ${c.excepted} excepted; ${c.elsewhere} to places that the specification says nothing of`)
}
console.log(`${judged} requests judged, ${excepted.size} excepted (${(100 * excepted.size / judged).toFixed(2)} %, at most ${100 * MOST} %)`)
if (excepted.size > MOST * judged)
	fail('too many exceptions')
failed += mutants(requests.filter((r) => judges[r.platform]?.covers(r)), judges, fail)
console.log(`${failed === 0 ? 'ok' : 'not ok'} - contract, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
