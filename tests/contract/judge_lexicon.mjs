// judge_lexicon.mjs: requests to the AT Protocol against its lexicons, by the protocol's own library.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(`${process.env.SMMQ_NODE_MODULES}/x`)
const { Lexicons, jsonToLex } = require('@atproto/lexicon')

// The library asks for content addresses where our scripts have short names for them.
const CID = { $link: 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq' }
const real = (node) => Array.isArray(node) ? node.map(real) : !node || typeof node !== 'object' ? node :
	Object.fromEntries(Object.entries(node).map(([k, v]) => [k, k === 'ref' && v?.$link ? CID : k === 'cid' ? CID.$link : real(v)]))

function strangers(lexicons, def, value, at) {
	if (!def?.properties || !value || typeof value !== 'object')
		return []
	return Object.keys(value).filter((k) => k !== '$type' && !def.properties[k]).map((k) => `${at}.${k} is no member`)
}

export function lexicons(directory, hosts) {
	const all = new Lexicons(), docs = {}
	for (const name of readdirSync(directory)) {
		const doc = JSON.parse(readFileSync(`${directory}/${name}`, 'utf8'))
		docs[doc.id] = doc
		// What a stored document refers to without being stored itself is no part of what we send.
		all.add(doc)
	}
	const type = (schema, texts) => {
		const one = (s, t) => s?.type === 'integer' && /^-?\d+$/.test(t) ? Number(t) : s?.type === 'boolean' ? t === 'true' : t
		return schema?.type === 'array' ? texts.map((t) => one(schema.items, t)) : one(schema, texts[0])
	}
	return {
		covers: (request) => hosts.some((h) => request.url.host === h) && request.url.pathname.startsWith('/xrpc/'),
		judge(request) {
			const id = request.url.pathname.slice('/xrpc/'.length), main = docs[id]?.defs.main
			if (!main)
				return [`there is no ${id}`]
			const wrong = [], params = {}, known = main.parameters?.properties ?? {}
			if (request.method !== (main.type === 'query' ? 'GET' : 'POST'))
				wrong.push(`${request.method} for a ${main.type}`)
			for (const key of new Set(request.url.searchParams.keys())) {
				if (!known[key])
					wrong.push(`query parameter ${key} is unknown`)
				params[key] = type(known[key], request.url.searchParams.getAll(key))
			}
			try {
				all.assertValidXrpcParams(id, params)
			} catch (e) {
				wrong.push(e.message)
			}
			const input = main.input
			if (!input && request.text !== '')
				wrong.push('there is a body, and none is told of')
			if (input && input.encoding !== '*/*' && input.encoding !== request.type)
				wrong.push(`content type ${request.type} is not ${input.encoding}`)
			if (input?.schema) {
				const body = real(request.body)
				try {
					all.assertValidXrpcInput(id, jsonToLex(body))
					if (body?.record)
						all.assertValidRecord(body.collection, jsonToLex(body.record))
				} catch (e) {
					wrong.push(e.message)
				}
				wrong.push(...strangers(all, input.schema, body, 'body'))
				if (body?.record)
					wrong.push(...strangers(all, docs[body.collection]?.defs.main.record, body.record, 'record'))
			}
			return wrong
		},
	}
}
