// judge_meta.mjs: requests to the Graph API against Meta's lists of edges, parameters and fields, as ajv schemas made of them.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(`${process.env.SMMQ_NODE_MODULES}/x`)
const Ajv = require('ajv').default

// What every call takes beside its own parameters (paging, the choice of fields, proof and token), by the contracts' chapter 1.
const COMMON = ['access_token', 'appsecret_proof', 'fields', 'limit', 'after', 'before', 'since', 'until', 'pretty', 'summary', 'format']
// A file of a form stands under this name, which the lists have for videos alone (contract facebook.md, 2).
const FILE = 'source'
const INTEGER = /^(unsigned int|int|datetime)$/

// Values in a form are texts; a list or an object is JSON in one.
const schema = (type) => INTEGER.test(type) ? { pattern: '^-?[0-9]+$' } : type === 'bool' ? { enum: ['true', 'false', '1', '0'] } :
	type === 'float' ? { pattern: '^-?[0-9.]+$' } : /^list</.test(type) ? { pattern: '^(\\[.*\\]|[^\\[].*)$' } : { type: 'string' }

// nodes: [[file, test of the id in the path]]: of what kind a number is, only its edge tells; each kind that has the edge is asked.
export function meta(directory, files, hosts) {
	const ajv = new Ajv({ strict: false, allErrors: true })
	const kinds = files.map((f) => JSON.parse(readFileSync(`${directory}/${f}.json`, 'utf8')))
	const edges = (method, edge) => kinds.flatMap((k) => k.apis.filter((a) => a.method === method && (a.endpoint ?? a.name ?? '').replace(/^\//, '') === edge))
	const fieldsOf = kinds.map((k) => new Set(k.fields.map((f) => f.name)))
	const checks = new Map()
	const check = (key, make) => checks.get(key) ?? checks.set(key, make()).get(key)
	const words = (text) => text.replace(/\{[^}]*\}|\([^)]*\)/g, '').split(',').map((w) => w.split('.')[0])
	return {
		covers: (request) => hosts.includes(request.url.host),
		judge(request) {
			const [, version, node, edge = '', ...rest] = request.url.pathname.split('/')
			if (!/^v\d+\.\d+$/.test(version) || !node || rest.length)
				return [`there is no ${request.method} ${request.url.pathname}`]
			const given = { ...Object.fromEntries(request.url.searchParams), ...(typeof request.body === 'object' ? request.body : {}) }
			if (/^<media /.test(given[FILE] ?? ''))
				delete given[FILE]
			const ways = edge === '' ? kinds.flatMap((k) => k.apis.filter((a) => a.method === request.method && ['#get', '#update', '#delete'].includes(a.name))) : edges(request.method, edge)
			if (ways.length === 0)
				return [`there is no ${request.method} /${node.replace(/\d+/, '{id}')}/${edge}`]
			const verdicts = ways.map((w) => {
				const run = check(w, () => ajv.compile({
					type: 'object', required: w.params.filter((p) => p.required).map((p) => p.name), additionalProperties: false,
					properties: Object.fromEntries([...COMMON.map((n) => [n, {}]), ...w.params.map((p) => [p.name, schema(p.type)])]),
				}))
				return run(given) ? [] : run.errors.map((e) => `${e.instancePath || 'parameters'} ${e.message}${e.params.additionalProperty ? ` (${e.params.additionalProperty})` : ''}`)
			})
			const wrong = verdicts.sort((a, b) => a.length - b.length)[0].slice()
			const asked = request.url.searchParams.get('fields')
			if (asked && edge === '') {
				const lacking = fieldsOf.map((f) => words(asked).filter((w) => !f.has(w))).sort((a, b) => a.length - b.length)[0]
				wrong.push(...lacking.map((w) => `field ${w} is unknown`))
			}
			return wrong
		},
	}
}
