const fs = require('fs'), nodemailer = require('nodemailer');
const transport = nodemailer.createTransport({
	host: '127.0.0.1', port: Number(process.argv[2]),
	pool: true, maxConnections: 1, name: 'client.example',
});
const send = to => transport.sendMail({
	envelope: { from: 'sender@example.net', to: to },
	raw: fs.readFileSync(process.argv[3]),
});
(async () => {
	for (const name of ['alice', 'bob', 'postmaster']) {
		const info = await send([name + '@example.org']);
		if (!/^250 2\.0\.0 stored, id=/.test(info.response))
			throw info.response;
	}
	const info = await send(['nobody@example.org',
	    'nobody@example.com']).catch(error => error);
	const codes = info.rejectedErrors.map(e => e.responseCode);
	if (codes.join() !== '550,550')
		throw codes;
	transport.close();
})().catch(error => { console.error(error); process.exit(1); });
