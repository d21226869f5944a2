/* Submit a message by SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, RFC 9266), with
 * nodemailer and an exchange of our own, which it lacks.
 *
 * usage: node plus.js implicit|starttls PORT USER PASSWORD FROM TO FILE */
const crypto = require('crypto'), fs = require('fs');
const Connection = require('nodemailer/lib/smtp-connection');
const [mode, port, user, password, from, to, file] = process.argv.slice(2);
const b64 = text => Buffer.from(text).toString('base64');
const hmac = (key, text) =>
	crypto.createHmac('sha256', key).update(text).digest();

const connection = new Connection({
	host: '127.0.0.1', port: Number(port), name: 'client.example',
	secure: mode === 'implicit', requireTLS: mode === 'starttls',
	tls: { rejectUnauthorized: false },
	customAuth: { 'SCRAM-SHA-256-PLUS': scram },
});

async function told(ctx, command, status) {
	const reply = await ctx.sendCommand(command);
	if (reply.status !== status)
		throw new Error(reply.response);
	return Buffer.from(reply.response.slice(4), 'base64').toString();
}

async function scram(ctx) {
	const binding = connection._socket.exportKeyingMaterial(
	    32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
	const gs2 = 'p=tls-exporter,,';
	const nonce = crypto.randomBytes(18).toString('base64');
	const first = `n=${user},r=${nonce}`;
	const server = await told(
	    ctx, 'AUTH SCRAM-SHA-256-PLUS ' + b64(gs2 + first), 334);
	const [, r, salt, i] = /^r=(.*),s=(.*),i=(\d+)$/.exec(server);
	if (!r.startsWith(nonce))
		throw new Error('not our nonce');
	const c = Buffer.concat([Buffer.from(gs2), binding]).toString('base64');
	const all = `${first},${server},c=${c},r=${r}`;
	const salted = crypto.pbkdf2Sync(password, Buffer.from(salt, 'base64'),
	    Number(i), 32, 'sha256');
	const key = hmac(salted, 'Client Key');
	const stored = crypto.createHash('sha256').update(key).digest();
	const signature = hmac(stored, all);
	const proof = Buffer.from(key.map((octet, n) => octet ^ signature[n]));
	const last = await told(
	    ctx, b64(`c=${c},r=${r},p=${proof.toString('base64')}`), 334);
	const verifier = hmac(hmac(salted, 'Server Key'), all);
	if (last !== 'v=' + verifier.toString('base64'))
		throw new Error('not the server that knows us');
	await told(ctx, '', 235);
	ctx.resolve();
}

const end = error => { console.error(error); process.exit(1); };
connection.on('error', end);
connection.connect(() => connection.login({
	type: 'custom', method: 'SCRAM-SHA-256-PLUS', user: user,
	pass: password, credentials: { user: user, pass: password },
}, error => error ? end(error) : connection.send({ from: from, to: [to] },
	fs.readFileSync(file), (error, info) => {
		if (error)
			end(error);
		console.log(info.response);
		connection.quit();
	})));
