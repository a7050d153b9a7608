// A Bluesky personal data server and the directory it needs, both on this machine alone, for tests: `node server.mjs DATADIR [PORT]`.
// The directory's contents, the keys and the secret live in DATADIR, so that a restart on it (perhaps with the clock moved) knows
// its accounts and tokens. Prints "PORT n" when ready; ends when its standard input does. Set PDS_RATE_LIMITS_ENABLED=1 for limits.
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs'
import { Server, createServer } from 'node:net'
import { join } from 'node:path'

const [dir, wanted] = process.argv.slice(2)
process.env.LOG_ENABLED ??= 'false'
const { PDS, envToCfg, envToSecrets } = (await import('@atproto/pds')).default
const { PlcServer, Database } = (await import('@did-plc/server')).default

// Neither server can be told an address; both would listen on all of them.
const listen = Server.prototype.listen
Server.prototype.listen = function (port, ...rest) {
	return typeof rest[0] === 'string' ? listen.call(this, port, ...rest) : listen.call(this, port, '127.0.0.1', ...rest)
}

const freePort = () => new Promise((done) => {
	const probe = createServer().listen(0, '127.0.0.1', () => {
		const { port } = probe.address()
		probe.close(() => done(port))
	})
})

mkdirSync(join(dir, 'blobs'), { recursive: true })
const directory = Database.mock()
const saved = join(dir, 'plc.json')
if (existsSync(saved))
	directory.contents = JSON.parse(readFileSync(saved, 'utf8'))
const plc = PlcServer.create({ db: directory, port: await freePort() })
await plc.start()

const port = Number(wanted) || await freePort()
const env = {
	port, hostname: 'localhost', serviceHandleDomains: ['.test'], inviteRequired: false, devMode: true, disableSsrfProtection: true,
	didPlcUrl: `http://127.0.0.1:${plc.ctx.port}`, dataDirectory: dir, blobstoreDiskLocation: join(dir, 'blobs'),
	jwtSecret: 'fixed-so-that-tokens-survive-a-restart', adminPassword: 'test', plcRotationKeyK256PrivateKeyHex: '1'.repeat(64),
	rateLimitsEnabled: process.env.PDS_RATE_LIMITS_ENABLED === '1', bskyAppViewUrl: 'http://localhost:1', bskyAppViewDid: 'did:web:none.test',
}
const pds = await PDS.create(envToCfg(env), envToSecrets(env))
await pds.start()
console.log(`PORT ${port}`)

const stop = async () => {
	writeFileSync(saved, JSON.stringify(directory.contents))
	await Promise.race([pds.destroy().then(() => plc.destroy()), new Promise((late) => setTimeout(late, 2000))])
	process.exit(0)
}
process.stdin.on('data', () => {}).on('end', stop)
process.on('SIGTERM', stop)
