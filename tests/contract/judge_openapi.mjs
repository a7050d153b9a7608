// judge_openapi.mjs: requests against an OpenAPI document: path, method, parameters and body by openapi-backend (ajv); what it
// lets pass, members of a body that the document does not name, by a walk along the schemas.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(`${process.env.SMMQ_NODE_MODULES}/x`)
const { OpenAPIBackend } = require('openapi-backend')
const addFormats = require('ajv-formats')

// What the documents themselves need: an arbitrary file has no JSON format, and alternatives overlap where "one of" is written.
function repair(node) {
	if (Array.isArray(node)) {
		node.forEach(repair)
	} else if (node && typeof node === 'object') {
		if (node.format === 'binary')
			delete node.format
		if (node.oneOf) {
			node.anyOf = node.oneOf
			delete node.oneOf
			delete node.discriminator
		}
		Object.values(node).forEach(repair)
	}
}

const resolve = (definition, schema) => {
	while (schema?.$ref)
		schema = schema.$ref.slice(2).split('/').reduce((at, key) => at?.[key.replaceAll('~1', '/')], definition)
	return schema
}

// Paths of members that no alternative of the schema names.
function strangers(definition, schema, value, at = '') {
	schema = resolve(definition, schema)
	if (!schema || !value || typeof value !== 'object')
		return []
	// Some documents name the alternatives in the discriminator alone.
	const parts = (s) => [...s.allOf ?? [], ...s.oneOf ?? [], ...s.anyOf ?? [], ...Object.values(s.discriminator?.mapping ?? {}).map(($ref) => ({ $ref }))]
	const flat = (s) => [s, ...parts(s).flatMap((p) => flat(resolve(definition, p)))]
	const all = flat(schema)
	if (Array.isArray(value)) {
		const items = all.find((p) => p.items)?.items
		return value.flatMap((v, i) => strangers(definition, items, v, `${at}[${i}]`))
	}
	if (!all.some((p) => p.properties) || all.some((p) => p.additionalProperties))
		return []
	return Object.entries(value).flatMap(([key, v]) => {
		const known = all.filter((p) => p.properties?.[key]).map((p) => p.properties[key])
		return known.length === 0 ? [`${at}.${key} is no member`] :
			known.map((s) => strangers(definition, s, v, `${at}.${key}`)).sort((a, b) => a.length - b.length)[0]
	})
}

// Members of a form are texts on the wire, too.
function form(definition, schema, body) {
	schema = resolve(definition, schema)
	const alternatives = [schema, ...['allOf', 'oneOf', 'anyOf'].flatMap((k) => schema?.[k] ?? [])].map((s) => resolve(definition, s))
	return Object.fromEntries(Object.entries(body).map(([key, text]) => {
		const member = alternatives.find((a) => a?.properties?.[key])?.properties[key]
		return [key, member ? typed(definition, member, [text]) : text]
	}))
}

// Query values are texts on the wire; what they are meant as stands in the document.
function typed(definition, schema, values) {
	schema = resolve(definition, schema)
	const one = (s, text) => {
		s = resolve(definition, s)
		const types = [s?.type, ...(s?.anyOf ?? s?.oneOf ?? []).map((o) => resolve(definition, o)?.type)]
		if ((types.includes('integer') || types.includes('number')) && /^-?\d+$/.test(text))
			return Number(text)
		if (types.includes('boolean') && /^(true|false)$/.test(text))
			return text === 'true'
		return text
	}
	if (schema?.type === 'array')
		return (values.length === 1 ? values[0].split(',') : values).map((v) => one(schema.items, v))
	return values.length === 1 ? one(schema, values[0]) : values
}

export async function openapi(file, hosts, { headers = {}, mend = () => {}, alias = (key, value) => [key, value] } = {}) {
	const definition = JSON.parse(readFileSync(file, 'utf8'))
	repair(definition)
	mend(definition)
	for (const path of Object.values(definition.paths))
		for (const operation of Object.values(path))
			for (const p of operation.parameters ?? [])
				if (headers[p.name])
					p.schema = headers[p.name]
	const root = definition.servers[0].url.includes('{') ? '' : new URL(definition.servers[0].url).pathname.replace(/\/$/, '')
	const plain = structuredClone(definition)
	const api = new OpenAPIBackend({
		definition, quick: true, apiRoot: root || '/', ajvOpts: { strict: false, allErrors: true, coerceTypes: false, validateFormats: false },
		customizeAjv: (ajv) => addFormats(ajv),
	})
	await api.init()
	return {
		covers: (request) => hosts.includes(request.url.host),
		judge(request) {
			const query = {}
			for (const [key, value] of request.url.searchParams) {
				const [name, text] = alias(key, value)
				query[name] = [...query[name] ?? [], text]
			}
			const asked = { method: request.method, path: request.url.pathname, headers: request.headers, query, body: request.body }
			const operation = api.matchOperation(asked)
			if (!operation)
				return [`there is no ${request.method} ${request.url.pathname}`]
			const path = plain.paths[operation.path]
			const parameters = [...(path.parameters ?? []), ...(path[operation.method].parameters ?? [])].map((p) => resolve(plain, p))
			const names = parameters.filter((p) => p.in === 'query').map((p) => p.name)
			for (const key of Object.keys(query)) {
				const p = parameters.find((q) => q.in === 'query' && (q.name === key || q.name === key.replace('[]', '') || q.name === `${key}[]`))
				query[key] = typed(plain, p?.schema, query[key])
			}
			const content = resolve(plain, path[operation.method].requestBody)?.content
			const type = request.type in (content ?? {}) ? request.type : Object.keys(content ?? {}).find((t) => t.includes('*'))
			const wrong = Object.keys(query).filter((k) => !names.some((n) => n.replace('[]', '') === k.replace('[]', ''))).map((k) => `query parameter ${k} is unknown`)
			if (request.text !== '' && content && !type)
				wrong.push(`content type ${request.type} is not one of ${Object.keys(content).join(', ')}`)
			if (request.text !== '' && !content)
				wrong.push('there is a body, and none is told of')
			if (type && /form/.test(request.type))
				asked.body = form(plain, content[type].schema, request.body)
			const result = api.validateRequest(asked, operation)
			for (const e of result.errors ?? [])
				wrong.push(`${e.instancePath || 'request'} ${e.message}${e.params?.additionalProperty ? ` (${e.params.additionalProperty})` : ''}`)
			if (type && request.body && typeof request.body === 'object')
				wrong.push(...strangers(plain, content[type].schema, asked.body, 'body'))
			return [...new Set(wrong)]
		},
	}
}
