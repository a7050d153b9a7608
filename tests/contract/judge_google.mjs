// judge_google.mjs: requests against a Google discovery document, whose schemas ajv understands once they are closed.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(`${process.env.SMMQ_NODE_MODULES}/x`)
const Ajv = require('ajv').default

function close(node) {
	if (!node || typeof node !== 'object')
		return node
	if (Array.isArray(node))
		return node.map(close)
	const out = {}
	for (const [key, value] of Object.entries(node)) {
		if (['description', 'annotations', 'id', 'enumDescriptions', 'format', 'readOnly', 'default', 'deprecated', 'enumDeprecated'].includes(key) && typeof value !== 'object')
			continue
		if (['annotations', 'enumDescriptions', 'enumDeprecated'].includes(key))
			continue
		out[key] = key === '$ref' ? `#/definitions/${value}` : close(value)
	}
	if (node.type === 'object' && node.properties)
		out.additionalProperties = false
	return out
}

function methods(resources, out = []) {
	for (const r of Object.values(resources ?? {})) {
		out.push(...Object.values(r.methods ?? {}))
		methods(r.resources, out)
	}
	return out
}

export function google(file, hosts) {
	const document = JSON.parse(readFileSync(file, 'utf8'))
	const definitions = Object.fromEntries(Object.entries(document.schemas).map(([k, v]) => [k, close(v)]))
	const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
	const ways = methods(document.resources).flatMap((m) => [
		{ path: `/${document.servicePath}${m.path}`, method: m, upload: false },
		...(m.mediaUpload ? [{ path: m.mediaUpload.protocols.simple.path, method: m, upload: true }] : []),
	])
	const valid = (schema, value) => {
		const check = ajv.compile({ ...schema, definitions })
		return check(value) ? [] : check.errors.map((e) => `body${e.instancePath} ${e.message}${e.params.additionalProperty ? ` (${e.params.additionalProperty})` : ''}`)
	}
	const fits = (type, accept) => accept.some((a) => a === type || (a.endsWith('/*') && type.startsWith(a.slice(0, -1))))
	return {
		covers: (request) => hosts.includes(request.url.host),
		judge(request) {
			const query = request.url.searchParams, session = query.has('upload_id')
			// The bytes of a session travel by PUT to the address that the opening told.
			const way = ways.find((w) => w.path === request.url.pathname && (w.method.httpMethod === request.method || (session && w.upload && request.method === 'PUT')))
			if (!way)
				return [`there is no ${request.method} ${request.url.pathname}`]
			const wrong = [], known = { ...document.parameters, ...way.method.parameters }
			for (const key of new Set(query.keys())) {
				const p = known[key]
				if (!p && !(way.upload && ['uploadType', 'upload_id'].includes(key)))
					wrong.push(`query parameter ${key} is unknown`)
				for (const text of p?.repeated ? query.getAll(key).flatMap((t) => t.split(',')) : query.getAll(key)) {
					if (p?.enum && !p.enum.includes(text))
						wrong.push(`query parameter ${key} is not ${text}`)
					if (p?.type === 'boolean' && !/^(true|false)$/.test(text))
						wrong.push(`query parameter ${key} is no boolean: ${text}`)
					if (p?.type === 'integer' && (!/^\d+$/.test(text) || Number(text) > Number(p.maximum ?? Infinity)))
						wrong.push(`query parameter ${key} is no number that is allowed: ${text}`)
				}
			}
			for (const [name, p] of Object.entries(way.method.parameters ?? {}))
				if (p.required && !query.has(name) && !session)
					wrong.push(`query parameter ${name} is missing`)
			if (session) {
				if (request.text !== '' && !fits(request.type, way.method.mediaUpload.accept))
					wrong.push(`content type ${request.type} is not taken`)
			} else if (way.upload && query.get('uploadType') !== 'resumable') {
				if (!fits(request.type, way.method.mediaUpload.accept))
					wrong.push(`content type ${request.type} is not taken`)
			} else if (way.method.request) {
				wrong.push(...valid({ $ref: `#/definitions/${way.method.request.$ref}` }, request.body))
			} else if (request.text !== '') {
				wrong.push('there is a body, and none is told of')
			}
			return wrong
		},
	}
}
