// mutants.mjs: a test of the judges: good requests that are made wrong in one place must be refused.

const copy = (r) => ({ ...r, url: new URL(r.url.href), headers: { ...r.headers }, body: structuredClone(r.body) })
const changes = {
	'another method': (r) => Object.assign(r, { method: 'PATCH' }),
	'another path': (r) => {
		r.url.pathname += '/no-such-thing'
		return r
	},
	'an unknown parameter': (r) => {
		r.url.searchParams.set('no_such_parameter', '1')
		return r
	},
	'an unknown member': (r) => {
		if (!r.body || typeof r.body !== 'object')
			return null
		r.body.no_such_member = 'x'
		return r
	},
	'a member of another type': (r) => {
		const key = r.body && typeof r.body === 'object' && r.type === 'application/json' ? Object.keys(r.body).find((k) => typeof r.body[k] === 'string') : null
		if (!key)
			return null
		r.body[key] = { wrong: [1] }
		return r
	},
}

// Up to so many of each kind for each platform: all have to be found out. 0; what passes is told by fail.
export function mutants(requests, judges, fail, most = 5) {
	const tried = {}
	for (const good of requests) {
		if (judges[good.platform].judge(good).length > 0)
			continue
		for (const [name, change] of Object.entries(changes)) {
			const at = `${good.platform}: ${name}`
			if ((tried[at] ?? 0) >= most)
				continue
			const bad = change(copy(good))
			if (!bad)
				continue
			tried[at] = (tried[at] ?? 0) + 1
			if (judges[good.platform].judge(bad).length === 0)
				fail(`${at} was not noticed: ${good.method} ${good.url.href}`)
		}
	}
	const total = Object.values(tried).reduce((a, b) => a + b, 0)
	console.log(`${total} requests made wrong, ${Object.keys(tried).length} ways`)
	if (total < 100)
		fail('too few requests were made wrong to test the judges')
	return 0
}
