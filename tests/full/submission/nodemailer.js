/* usage: node nodemailer.js implicit|starttls PORT MECHANISM USER PASSWORD FILE */
const fs = require('fs'), nodemailer = require('nodemailer');
const [mode, port, mechanism, user, pass, file] = process.argv.slice(2);
const transport = nodemailer.createTransport({
	host: '127.0.0.1', port: Number(port), name: 'client.example',
	secure: mode === 'implicit', requireTLS: mode === 'starttls',
	tls: { rejectUnauthorized: false }, authMethod: mechanism,
	auth: { user: user, pass: pass },
});
transport.sendMail({
	envelope: { from: user, to: [user] }, raw: fs.readFileSync(file),
}).catch(error => { console.error(error); process.exit(1); });
