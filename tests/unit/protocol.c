/* SPDX-License-Identifier: ISC */
/* The language by table: what goes in, what is replied, what is stored. Each
 * row whole, octet by octet and in packets of three: nothing may differ. */
#include "unit.h"

#include "drive.h"

enum {				/* settings of a row */
	LMTP = 1, ACCEPT = 2, VRFY = 4, EXPN = 8, EARLY = 16,
	SMALL = 32,		/* messages of at most 100 octets */
	FEW = 64,		/* 2 recipients, 3 messages */
	ERRORS = 128,		/* 2 errors */
	HOPS = 256,		/* 2 Received fields */
	UNLIMITED = 512,	/* messages of any size */
	TLS = 1024,		/* STARTTLS is offered */
	AUTH = 2048,		/* and AUTH, at most 2 failures */
	TLS_FIRST = 4096, AUTH_FIRST = 8192,	/* before MAIL */
	OPEN = 16384,		/* nobody overhears */
};

#define EHLO "EHLO c.example\r\n"
#define LHLO "LHLO c.example\r\n"
#define FROM "MAIL FROM:<a@b.example>\r\n"
#define TO "RCPT TO:<x@y.example>\r\n"
#define BEGIN EHLO FROM TO
#define BINARY EHLO "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n" TO
#define DATA BEGIN "DATA\r\n"
/* The replies to those, the last line of each. */
#define R_EHLO "220 mx.example.org |250 SMTPUTF8|"
#define R_BEGIN R_EHLO "250 2.1.0 |250 2.1.5 |"
#define R_DATA R_BEGIN "354 |"
#define R_STORED "250 2.0.0 stored, id=1a-2b"
#define TLS_ON "STARTTLS\r\n"
#define BARE "550 5.6.11 "

static const struct row {
	unsigned flags;
	const char *input;
	const char *replies;	/* the beginning of each, each ended by "|" */
	const char *wants;	/* letters of drive.h, or NULL */
	const char *body;	/* of all messages that were opened, or NULL */
} rows[] = {
	/* Greetings, and the end. */
	{ 0, "", "220 mx.example.org ESMTP smtpd\r\n|", "", "" },
	{ LMTP, "", "220 mx.example.org LMTP smtpd\r\n|", "", "" },
	{ 0, "QUIT\r\n", "220 |221 2.0.0 |", "ZX", "" },
	{ 0, "quit   \r\nNOOP\r\n", "220 |221 2.0.0 |", "ZX", "" },
	{ EARLY, "EHLO x\r\nFOO\r\n\r\nBDAT 4\r\nQUIT\r\nNOOP\r\n",
	    "554 mx.example.org you spoke |503 5.5.1 no service|503 |503 |503 |"
	    "221 |", "NNNNZX", "" },
	{ EARLY, "GET / HTTP/1.1\r\n", "554 |500 5.5.2 |", "NZX", "" },
	{ EARLY, "\x16\x03\x01", "554 |500 5.5.2 |", "NZX", "" },
	{ 0, EHLO, R_EHLO, "Z", "" },
	{ 0, "HELO c\r\n", "220 |250 mx.example.org\r\n|", "Z", "" },
	{ 0, "EHLO\r\nEHLO \r\nHELO\r\n",
	    "220 |501 5.5.4 syntax: EHLO domain\r\n|501 |"
	    "501 5.5.4 syntax: HELO domain\r\n|", "NNN", "" },
	{ 0, "EHLO a b\r\nEHLO a\x80\r\nEHLO [IPv6:::1]\r\nHELO a_b\r\n",
	    "220 |501 5.5.2 |501 5.5.2 |250 |250 |", "NNZZ", "" },
	{ 0, LHLO, "220 |500 5.5.1 |", "N", "" },
	{ LMTP, EHLO "HELO c\r\n" LHLO "HELP EHLO\r\nHELP LHLO\r\n",
	    "220 |500 5.5.1 |500 5.5.1 |250 SMTPUTF8|504 |"
	    "214 2.0.0 LHLO domain\r\n|", "NNZN", "" },

	/* STARTTLS (RFC 3207): what was before is forgotten. */
	{ 0, "STARTTLS\r\nHELP STARTTLS\r\n", "220 |502 5.5.1 |504 |", "NN",
	    "" },
	{ TLS, EHLO TLS_ON EHLO "STARTTLS\r\n",
	    R_EHLO "220 2.0.0 begin TLS|250 SMTPUTF8|503 5.5.1 TLS |",
	    "ZTHZN", "" },
	{ TLS, TLS_ON FROM EHLO FROM,
	    "220 |220 |503 5.5.1 EHLO or HELO first|250 |250 |", "THNZS", "" },
	{ TLS, EHLO TLS_ON FROM TO EHLO FROM,
	    R_EHLO "220 |503 |503 |250 |250 |", "ZTHNNZS", "" },
	{ TLS, BEGIN TLS_ON, R_BEGIN "503 5.5.1 a transaction|", "ZSRN", "" },
	{ TLS, EHLO "STARTTLS now\r\n", R_EHLO "501 5.5.4 syntax: STARTTLS\r|",
	    "ZN", "" },
	{ TLS, "EHLO tls-later\r\n" TLS_ON FROM,
	    R_EHLO "454 4.7.0 |250 |", "ZTNS", "" },
	{ TLS, "EHLO tls-early\r\n" TLS_ON FROM, R_EHLO "554 5.5.1 |",
	    "ZTNZX", "" },
	{ TLS, "EHLO tls-fails\r\n" TLS_ON FROM, R_EHLO "220 |", "ZTHZX", "" },
	{ TLS | TLS_FIRST | VRFY | EXPN, EHLO FROM "VRFY a\r\nEXPN a\r\n"
	    "NOOP\r\nRSET\r\nHELP\r\n" TLS_ON EHLO FROM,
	    R_EHLO "530 5.7.0 STARTTLS |530 |530 |250 |250 |214 |220 |250 |"
	    "250 |", "ZNNNZTHZS", "" },
	{ TLS | EARLY, TLS_ON, "554 |503 5.5.1 no service|", "N", "" },
	{ TLS | LMTP, LHLO TLS_ON LHLO, "220 |250 |220 |250 |", "ZTHZ", "" },

	/* AUTH (RFC 4954). */
	{ 0, EHLO "AUTH PLAIN\r\n", R_EHLO "502 5.5.1 |", "ZN", "" },
	{ AUTH, EHLO "AUTH PLAIN\r\n", R_EHLO "538 5.7.11 |", "ZN", "" },
	{ AUTH | OPEN, "AUTH PLAIN\r\n", "220 |503 5.5.1 EHLO |", "N", "" },
	{ AUTH | OPEN, "HELO c\r\nAUTH PLAIN\r\n", "220 |250 |503 5.5.1 EHLO |",
	    "ZN", "" },
	{ AUTH | OPEN, EHLO "AUTH\r\nAUTH PLAIN a b\r\nAUTH PLAIN a\r\n"
	    "AUTH PLAIN a===\r\nAUTH PLAIN YQ\r\nAUTH PLAIN a\tb\r\n",
	    R_EHLO "501 5.5.4 |501 5.5.4 |501 5.5.2 |501 5.5.2 |501 5.5.2 |"
	    "501 5.5.2 |", "EZNNNNNN", "" },
	{ AUTH | OPEN, EHLO "AUTH PLAIN YQ==\r\nAUTH PLAIN YQ==\r\n",
	    R_EHLO "235 2.7.0 |503 5.5.1 authenticated |", "EZLN", "" },
	{ AUTH | OPEN, EHLO FROM "AUTH PLAIN\r\n", R_EHLO "250 |503 |", "EZSN",
	    "" },
	{ AUTH | OPEN, EHLO "AUTH more =\r\nmore\r\n\r\n" FROM,
	    R_EHLO "334 Zm9vYmFy\r\n|334 |235 |250 |", "EZLllS", "" },
	{ AUTH | OPEN, EHLO "AUTH more\r\n*\r\nAUTH more\r\nno base64\r\n"
	    "AUTH more\r\nmalf\r\n" FROM,
	    R_EHLO "334 |501 5.7.0 |334 |501 5.5.2 |334 |501 5.5.2 |250 |",
	    "EZLNZLNZLlS", "" },
	{ AUTH | OPEN, EHLO "AUTH mechanism\r\nAUTH later\r\n",
	    R_EHLO "504 5.5.4 |454 4.7.0 |", "EZLL", "" },
	{ AUTH | OPEN, EHLO "AUTH wrong\r\nAUTH more\r\nwron\r\n" EHLO,
	    R_EHLO "535 5.7.8 |334 |421 4.7.0 too many failed|", "EZLLlZX", "" },
	{ AUTH | OPEN | AUTH_FIRST | VRFY, EHLO FROM "VRFY a\r\n"
	    "AUTH PLAIN\r\n" FROM, R_EHLO "530 5.7.0 authentication |530 |"
	    "235 |250 |", "EZNNLS", "" },
	{ AUTH | TLS | AUTH_FIRST, EHLO "AUTH PLAIN\r\n" FROM TLS_ON EHLO
	    "AUTH PLAIN\r\n" FROM, R_EHLO "538 |530 |220 |250 |235 |250 |",
	    "ZNNTHEZLS", "" },
	/* TLS ends what AUTH before it was worth. */
	{ AUTH | TLS | OPEN | AUTH_FIRST, EHLO "AUTH PLAIN\r\n" TLS_ON EHLO
	    FROM, R_EHLO "235 |220 |250 |530 |", "EZLTHEZN", "" },
	{ AUTH | OPEN, EHLO "MAIL FROM:<a@b> AUTH=<>\r\nRSET\r\n"
	    "MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com\r\nRSET\r\n"
	    "MAIL FROM:<a@b> AUTH=\r\nMAIL FROM:<a@b> AUTH\r\n"
	    "MAIL FROM:<a@b> AUTH=a+3d@b\r\nMAIL FROM:<a@b> AUTH=a@b+2\r\n"
	    "MAIL FROM:<a@b> AUTH=a@@b\r\n",
	    R_EHLO "250 |250 |250 |250 |501 |501 |501 |501 |501 |",
	    NULL, "" },
	{ 0, EHLO "MAIL FROM:<a@b> AUTH=<>\r\n", R_EHLO "555 5.5.4 |", "ZN",
	    "" },

	/* Each command where it does not belong. */
	{ 0, FROM, "220 |503 5.5.1 EHLO or HELO first|", "N", "" },
	{ LMTP, FROM, "220 |503 5.5.1 LHLO first|", "N", "" },
	{ 0, TO "DATA\r\nRSET\r\nNOOP\r\nHELP\r\nVRFY a\r\nEXPN a\r\n" FROM,
	    "220 |503 |503 |250 |250 |214 |252 2.0.0 |502 5.5.1 |"
	    "503 5.5.1 EHLO |", "NNZNN", "" },
	{ 0, EHLO TO "DATA\r\n", R_EHLO "503 5.5.1 MAIL first|503 |",
	    "ZNN", "" },
	{ 0, EHLO FROM FROM EHLO TO, R_EHLO "250 |503 5.5.1 a transaction |"
	    "250 |503 5.5.1 MAIL |", "ZSNZN", "" },
	{ 0, EHLO FROM "DATA\r\n" TO "DATA x\r\nDATA\r\n.\r\n",
	    R_EHLO "250 |554 5.5.1 |250 |501 5.5.4 syntax: DATA\r\n|354 |"
	    R_STORED "|", "ZSNRNOCZ", "" },
	{ LMTP, LHLO FROM "DATA\r\nBDAT 2 LAST\r\nxy" TO,
	    R_EHLO "250 |503 5.5.1 no valid |503 5.5.1 no valid |250 |",
	    "ZSNNR", "" },
	{ 0, BEGIN "RSET\r\nDATA\r\n" FROM "HELO d\r\n" TO,
	    R_BEGIN "250 2.0.0 |503 |250 |250 |503 |", "ZSRZNSZN", "" },
	{ 0, "RSET x\r\nRSET\r\nRSET\r\nNOOP with text\r\nNOOP\r\n",
	    "220 |501 5.5.4 syntax: RSET\r\n|250 |250 |250 |250 |", "NZZ",
	    "" },
	{ 0, "QUIT now\r\nQUIT\r\n",
	    "220 |501 5.5.4 syntax: QUIT\r\n|221 |", "NZX", "" },

	/* HELP comes from the verb table. */
	{ 0, "HELP\r\nHELP mail\r\nhelp data\r\nHELP EXPN\r\nHELP FOO\r\n"
	    "HELP GET\r\nHELP STARTTLS\r\nHELP HELP\r\n",
	    "220 |214 2.0.0 HELP |214 2.0.0 MAIL FROM:<reverse-path> [SIZE=n]|"
	    "214 2.0.0 DATA\r\n|504 5.5.4 |504 |504 |504 |"
	    "214 2.0.0 HELP [command]\r\n|", "NNNN", "" },
	{ EXPN, "HELP expn\r\n", "220 |214 2.0.0 EXPN address |", "", "" },

	/* Known but not for us, not known, not SMTP. */
	{ 0, "STARTTLS\r\nAUTH PLAIN\r\nETRN x\r\nTURN\r\nSEND\r\nSOML\r\n"
	    "SAML\r\n", "220 |502 |502 |502 |502 |502 |502 |502 |",
	    "NNNNNNN", "" },
	{ 0, "FOO\r\n\r\n MAIL\r\nMAIL\r\nRCPT\r\nNOO\r\nNOOPS\r\nnOoP\r\n",
	    "220 |500 5.5.1 |500 |500 |503 |503 |500 |500 |250 |",
	    "NNNNNNN", "" },
	{ 0, "GET / HTTP/1.1\r\nNOOP\r\n", "220 |500 5.5.2 this is |", "NZX",
	    "" },
	{ 0, BEGIN "post /\r\n", R_BEGIN "500 5.5.2 this is |", "ZSRNZX", "" },
	{ 0, "PUT /\001\r\n", "220 |500 5.5.2 this is |", "NZX", "" },
	{ 0, "PRI * HTTP/2.0\r\n", "220 |500 5.5.2 this is |", "NZX", "" },
	{ 0, "\x16\x03\x01\x02", "220 |500 5.5.2 this is |", "NZX", "" },
	{ 0, "\x80" "abc", "220 |500 5.5.2 this is |", "NZX", "" },
	{ 0, "NOOP a\001\r\nNOOP \177\r\nNO\rOP\r\nNOOP a\rb\r\nNOOP \x80\r\n",
	    "220 |501 5.5.2 control|501 |501 |501 |250 |", "NNNN", "" },
	{ 0, "NOOP\nNOOP\r\n", "220 |500 5.5.2 bare LF|", "NZX", "" },
	{ 0, BEGIN "DATA\nx\r\n.\r\n", R_BEGIN "500 5.5.2 bare LF|",
	    "ZSRNZX", "" },
	{ 0, "\nNOOP\r\n", "220 |500 5.5.2 bare LF|", "NZX", "" },
	{ ACCEPT, "NOOP\nNOOP\r\n\nQUIT\n", "220 |250 |250 |500 |221 |",
	    "NZX", "" },
	{ ERRORS, "A\r\nB\r\nC\r\nD\r\n",
	    "220 |500 |500 |421 4.7.0 too many errors|", "NNNZX", "" },
	{ ERRORS, "A\r\nB\r\nEHLO\r\nD\r\n", "220 |500 |500 |421 4.7.0 |",
	    "NNNZX", "" },
	{ ERRORS, EHLO "RSET a\r\nRSET b\r\nMAIL FROM\r\n",
	    R_EHLO "501 |501 |421 |", "ZNNNZX", "" },
	{ ERRORS, BEGIN "A\r\nB\r\nBDAT 3 BAD\r\nxyzNOOP\r\n",
	    R_BEGIN "500 |500 |421 |", "ZSRNNNZX", "" },
	/* Under LMTP whoever asks for n replies gets n. */
	{ LMTP | ERRORS, "A\r\nB\r\n" LHLO FROM TO TO TO
	    "DATA\r\na\rb\r\n.\r\nNOOP\r\nC\r\n",
	    "220 |500 |500 |250 |250 |250 |250 |250 |354 |" BARE "|" BARE "|"
	    BARE "|250 |421 |", "NNZSRRRONNNZNZX", "" },

	/* MAIL */
	{ 0, EHLO "MAIL FROM:<>\r\nRSET\r\nMAIL FROM: <a@b>\r\nRSET\r\n"
	    "mail from:<@r,@s:a@b>\r\nRSET\r\nMAIL FROM:<\"a b\"@[1.2.3.4]>"
	    "\r\n", R_EHLO "250 2.1.0 |250 |250 2.1.0 |250 |250 2.1.0 |250 |"
	    "250 2.1.0 |", "ZSZSZSZS", "" },
	{ 0, EHLO "MAIL a@b\r\nMAIL FROM\r\nMAIL FROM:\r\nMAIL FROM:a@b\r\n"
	    "MAIL FROM:<a@b\r\nMAIL FROM:<a>\r\nMAIL FROM:<postmaster>\r\n"
	    "MAIL TO:<a@b>\r\n", R_EHLO
	    "501 5.5.4 syntax: MAIL FROM:<reverse-path> [SIZE=n] |501 5.5.4 |"
	    "501 5.1.7 |501 5.1.7 |501 5.1.7 |501 5.1.7 |501 5.1.7 |"
	    "501 5.5.4 syntax|", "ZNNNNNNNN", "" },
	{ 0, EHLO "MAIL FROM:<a@b> SIZE=1000 BODY=8BITMIME SMTPUTF8\r\n",
	    R_EHLO "250 |", "ZS", "" },
	{ 0, EHLO "MAIL FROM:<a@b> size=1001\r\nMAIL FROM:<a@b> SIZE=x\r\n"
	    "MAIL FROM:<a@b> SIZE\r\nMAIL FROM:<a@b> SIZE=\r\n"
	    "MAIL FROM:<a@b> SIZE=99999999999999999999\r\n"
	    "MAIL FROM:<a@b> SIZE=000000000000000000001\r\n", R_EHLO
	    "552 5.3.4 |501 5.5.4 bad value|501 5.5.4 bad value|"
	    "501 5.5.4 bad parameter|552 5.3.4 |501 5.5.4 bad value|",
	    "ZNNNNNN", "" },
	{ UNLIMITED, EHLO "MAIL FROM:<a@b> SIZE=18446744073709551616\r\nRSET\r\n"
	    "MAIL FROM:<a@b> SIZE=18446744073709551615\r\n", R_EHLO
	    "250 |250 |250 |", "ZSZS", "" },
	{ 0, EHLO "MAIL FROM:<a@b> BODY=7BIT\r\nRSET\r\n"
	    "MAIL FROM:<a@b> BODY=9BIT\r\nMAIL FROM:<a@b> BODY\r\n"
	    "MAIL FROM:<a@b> SMTPUTF8=1\r\n", R_EHLO
	    "250 |250 |501 5.5.4 bad value|501 |501 |", "ZSZNNN", "" },
	{ 0, EHLO "MAIL FROM:<a@b> SIZE=1 SIZE=1\r\n"
	    "MAIL FROM:<a@b> SMTPUTF8 BODY=7BIT SMTPUTF8\r\n"
	    "MAIL FROM:<a@b> AUTH=<>\r\nMAIL FROM:<a@b> -=1\r\n"
	    "MAIL FROM:<a@b>SIZE=1\r\nMAIL FROM:<a@b> SIZE=1=2\r\n", R_EHLO
	    "501 5.5.4 parameter given twice|501 5.5.4 parameter given twice|"
	    "555 5.5.4 |501 5.5.4 |501 5.5.4 |501 5.5.4 |", "ZNNNNNN", "" },
	{ 0, EHLO "MAIL FROM:<\xc3\xbc@b>\r\nMAIL FROM:<\xc3@b> SMTPUTF8\r\n"
	    "MAIL FROM:<\xc3\xbc@b> SMTPUTF8\r\n", R_EHLO
	    "550 5.6.7 |501 5.1.7 |250 |", "ZNNS", "" },
	{ FEW, EHLO FROM "RSET\r\n" FROM "RSET\r\nMAIL\r\n" FROM "RSET\r\n"
	    FROM "NOOP\r\n", R_EHLO "250 |250 |250 |250 |501 |250 |250 |"
	    "421 4.5.3 too many messages|", "ZSZSZNSZNZX", "" },

	/* RCPT */
	{ 0, EHLO FROM "RCPT TO:<postmaster>\r\nRCPT TO:<PostMaster>\r\n"
	    "rcpt to:  <x@y>\r\n", R_EHLO "250 |250 |250 |250 |", "ZSRRR", "" },
	{ 0, EHLO FROM "RCPT x@y\r\nRCPT TO:<>\r\nRCPT TO:<x>\r\n"
	    "RCPT TO:<x@y> A=B\r\nRCPT TO:<x@y>z\r\nRCPT TO:<x@-y>\r\n", R_EHLO
	    "250 |501 5.5.4 syntax: RCPT TO:<forward-path>\r\n|501 5.1.3 |"
	    "501 5.1.3 |555 5.5.4 |501 5.5.4 |501 5.1.3 |", "ZSNNNNNN", "" },
	{ 0, EHLO FROM "RCPT TO:<\xc3\xbc@b>\r\n", R_EHLO "250 |553 5.6.7 |",
	    "ZSN", "" },
	{ 0, EHLO "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<\xc3\xbc@b>\r\nRSET\r\n"
	    FROM "RCPT TO:<\xc3\xbc@b>\r\n", R_EHLO
	    "250 |250 |250 |250 |553 |", "ZSRZSN", "" },
	{ FEW, BEGIN TO TO "DATA\r\n.\r\n", R_BEGIN "250 |452 4.5.3 |354 |"
	    R_STORED "|", "ZSRRNOCZ", "" },

	/* VRFY and EXPN */
	{ VRFY, "VRFY a@b\r\nVRFY <a@b>\r\nVRFY a\r\nVRFY <postmaster>\r\n"
	    "VRFY \"a b\"@c\r\nVRFY\r\nVRFY a b\r\nVRFY <>\r\nVRFY <a@b>c\r\n"
	    "VRFY a@\r\n", "220 |250 2.1.5 <a@b>\r\n|250 2.1.5 <a@b>\r\n|"
	    "250 2.1.5 <a@mx.example.org>\r\n|"
	    "250 2.1.5 <postmaster@mx.example.org>\r\n|"
	    "250 2.1.5 <\"a b\"@c>\r\n|501 5.5.4 syntax: VRFY address |"
	    "501 5.1.3 |501 5.1.3 |501 5.1.3 |501 5.1.3 |", "VVVVVNNNNN", "" },
	{ VRFY, "VRFY \xc3\xbc@b\r\nVRFY \xc3\xbc@b SMTPUTF8\r\n"
	    "VRFY a@b smtputf8\r\nVRFY <\xc3\xbc@b> SMTPUTF8\r\n"
	    "VRFY SMTPUTF8\r\n",
	    "220 |553 5.6.7 |250 2.1.5 <\xc3\xbc@b>\r\n|250 2.1.5 <a@b>\r\n|"
	    "250 |250 2.1.5 <SMTPUTF8@mx.example.org>|", "NVVVV", "" },
	{ EXPN, "EXPN list3\r\nEXPN x@y\r\nEXPN ,\r\nEXPN list1\r\n",
	    "220 |250 2.1.5 <mmm>\r\n|250 |501 5.1.3 |250 |", "MMMMNM", "" },
	{ EXPN, "EXPN long100\r\nNOOP\r\n", "220 |250 2.1.5 <mmmm|250 |", NULL,
	    "" },
	{ EXPN | VRFY, EHLO BEGIN "BDAT 1\r\nxEXPN list2\r\nVRFY a@b\r\n"
	    "BDAT 0 LAST\r\n", "220 |250 |250 |250 |250 |250 2.0.0 chunk|"
	    "250 2.1.5 <mmm>|250 2.1.5 <a@b>|" R_STORED "|", "ZZSROMMVACZ",
	    "x" },

	/* DATA */
	{ 0, DATA "A: b\r\n\r\ntext\r\n.\r\nNOOP\r\n", R_DATA R_STORED
	    "|250 |", "ZSROACZ", "A: b\r\n\r\ntext\r\n" },
	{ 0, DATA ".\r\n" FROM TO "DATA\r\nx\r\n.\r\n", R_DATA R_STORED
	    "|250 |250 |354 |" R_STORED "|", "ZSROCZSROACZ", "x\r\n" },
	{ 0, DATA "..\r\n.a\r\n...\r\n.\r\n", R_DATA R_STORED "|", "ZSROACZ",
	    ".\r\na\r\n..\r\n" },
	{ 0, DATA "\r\n.\r\n", R_DATA R_STORED "|", "ZSROACZ", "\r\n" },
	{ 0, DATA "\r\n\r\n\0.\r\nNOOP\r\n.\r\n", NULL, NULL, NULL },
	{ 0, EHLO FROM "DATA\r\n" FROM, R_EHLO "250 |554 |503 |", NULL, "" },
	{ 0, BINARY "DATA\r\n", R_BEGIN "503 5.5.1 BINARYMIME |", "ZSRN", "" },

	/* The sequences of the smuggling disclosures: one reply, no message,
	 * nothing of it read as a command. */
	{ 0, DATA "x\n.\nNOOP\n.\r\nNOOP\r\n\r\n.\r\nNOOP\r\n", R_DATA BARE
	    "|250 |", "ZSRONZ", "" },
	{ 0, DATA "x\r\n.\nNOOP\r\n.\r\n", R_DATA BARE "|", "ZSROANZ",
	    "x\r\n" },
	{ 0, DATA "x\n.\r\nNOOP\r\n.\r\n", R_DATA BARE "|", "ZSRONZ", "" },
	{ 0, DATA "x\r.\r\nNOOP\r\n.\r\n", R_DATA BARE "|", "ZSRONZ", "" },
	{ 0, DATA "x\r\n.\rNOOP\r\n.\r\n", R_DATA BARE "|", "ZSROANZ",
	    "x\r\n\r" },
	{ 0, DATA "x\r.\rNOOP\r\n.\r\n", R_DATA BARE "|", "ZSRONZ", "" },
	{ 0, DATA "x\r\r\n.\r\nNOOP\r\n.\r\n", R_DATA BARE "|250 |500 |",
	    "ZSRONZN", "" },
	{ 0, DATA ".\n.\r\n.\r\n", R_DATA BARE "|", "ZSRONZ", "" },
	{ 0, DATA ".\r.\r\n.\r\n", R_DATA BARE "|", NULL, NULL },
	{ 0, DATA ".\r\r\n.\r\n", R_DATA BARE "|", NULL, NULL },
	{ 0, DATA "x\r\n.\r\r\n.\r\n", R_DATA BARE "|", NULL, NULL },
	{ ACCEPT, DATA "a\n.\nNOOP\n", R_DATA R_STORED "|250 |", "ZSROACZ",
	    "a\n" },
	{ ACCEPT, DATA "a\n..\n.b\r\n.\r\r\n.\rc\n.\r.\nd\r.\n.\r\n", R_DATA
	    R_STORED "|", "ZSROACZ", "a\n.\nb\r\n\r\r\n\rc\n\r.\nd\r.\n" },
	{ ACCEPT, DATA ".\n", R_DATA R_STORED "|", "ZSROCZ", "" },
	{ ACCEPT, DATA ".\r\n", R_DATA R_STORED "|", "ZSROCZ", "" },

	/* Which of two faults is told does not depend on packets. */
	{ SMALL, DATA "123456789 123456789 123456789 123456789 123456789 "
	    "123456789 123456789 123456789 123456789 123456789 xx\n\r\n.\r\n",
	    R_DATA "552 5.3.4 |", "ZSROANZ", NULL },
	{ SMALL, DATA "a\n23456789 123456789 123456789 123456789 123456789 "
	    "123456789 123456789 123456789 123456789 123456789 xx\n\r\n.\r\n",
	    R_DATA BARE "|", "ZSRONZ", "" },
	{ SMALL, DATA "123456789 123456789 123456789 123456789 123456789 "
	    "123456789 123456789 123456789 123456789 12345678\r\n\r\n.\r\n",
	    R_DATA "552 5.3.4 |", "ZSROANZ", NULL },
	{ SMALL, DATA "123456789 123456789 123456789 123456789 123456789 "
	    "123456789 123456789 123456789 123456789 12345678\r\n.\r\n",
	    R_DATA R_STORED "|", "ZSROACZ", NULL },
	{ HOPS, DATA "received:\r\nReceived :\r\nreceived\t:x\r\na\nb\r\n.\r\n",
	    R_DATA "554 5.4.6 |", "ZSROANZ", "received:\r\nReceived :\r\n" },
	{ HOPS, DATA "received:\r\nReceived :\r\na\nreceived\t:x\r\n\r\n.\r\n",
	    R_DATA BARE "|", "ZSROANZ", "received:\r\nReceived :\r\n" },

	/* The header filter. */
	{ HOPS, DATA "Received: a\r\n Received: b\r\nReceived-SPF: c\r\n"
	    "X-Received: d\r\nreceived: e\r\n\r\nReceived: f\r\n.\r\n",
	    R_DATA R_STORED "|", "ZSROACZ", "Received: a\r\n Received: b\r\n"
	    "Received-SPF: c\r\nX-Received: d\r\nreceived: e\r\n\r\n"
	    "Received: f\r\n" },
	{ HOPS, DATA "Received: a\r\n.\r\n" FROM TO "DATA\r\nReceived: a\r\n"
	    "Received: b\r\n.\r\n", R_DATA R_STORED "|250 |250 |354 |" R_STORED
	    "|", NULL, NULL },
	{ 0, DATA "Return-Path: <a@b>\r\nA: b\r\n.\r\n", R_DATA R_STORED "|",
	    "ZSROACZ", "A: b\r\n" },
	{ 0, DATA "A: b\r\nRETURN-path \t:\r\n <a@b>\r\n\tc\r\nB: c\r\n d\r\n"
	    "Return-Paths: e\r\nReturn-Pat: f\r\nReturn-Path\r\n"
	    "return-path:\r\n\r\nReturn-Path: g\r\n.\r\n", R_DATA R_STORED "|",
	    "ZSROACZ", "A: b\r\nB: c\r\n d\r\nReturn-Paths: e\r\n"
	    "Return-Pat: f\r\nReturn-Path\r\n\r\nReturn-Path: g\r\n" },
	{ 0, DATA "Return-Path: <a@b>\r\n.\r\n", R_DATA R_STORED "|",
	    "ZSROCZ", "" },
	{ 0, DATA ".Return-Path: <a@b>\r\n..c: d\r\n.\r\n", R_DATA R_STORED
	    "|", "ZSROACZ", ".c: d\r\n" },
	{ 0, DATA " folded first\r\nA-field-name-longer-than-all: x\r\n"
	    "exactly-16-long-:x\r\n:\r\nno field\r\n.\r\n", R_DATA R_STORED
	    "|", "ZSROACZ", " folded first\r\n"
	    "A-field-name-longer-than-all: x\r\nexactly-16-long-:x\r\n:\r\n"
	    "no field\r\n" },
	{ ACCEPT, DATA "Return-Path: a\n b\nReturn-Path\nA\n\nReturn-Path: c\n"
	    ".\n", R_DATA R_STORED "|", "ZSROACZ",
	    "Return-Path\nA\n\nReturn-Path: c\n" },

	/* BDAT */
	{ 0, BEGIN "BDAT 5 LAST\r\nabcdeNOOP\r\n", R_BEGIN R_STORED "|250 |",
	    "ZSROACZ", "abcde" },
	{ 0, BEGIN "BDAT 3\r\nabcBDAT 0\r\nbdat 2 last\r\ndeNOOP\r\n", R_BEGIN
	    "250 2.0.0 chunk |250 2.0.0 chunk |" R_STORED "|250 |", "ZSROACZ",
	    "abcde" },
	{ 0, BEGIN "BDAT 0 LAST\r\n", R_BEGIN R_STORED "|", "ZSROCZ", "" },
	{ 0, BEGIN "BDAT 7\r\nReturn-BDAT 9 LAST\r\nPath: a\r\n", R_BEGIN
	    "250 |" R_STORED "|", "ZSROCZ", "" },
	{ 0, BEGIN "BDAT 7\r\nReturn-BDAT 3 LAST\r\nPat", R_BEGIN
	    "250 |" R_STORED "|", "ZSROACZ", "Return-Pat" },
	{ 0, BEGIN "BDAT 7 LAST\r\nA: b\r\n.", R_BEGIN R_STORED "|",
	    "ZSROACZ", "A: b\r\n." },
	{ 0, BEGIN "BDAT 10 LAST\r\n.\r\n..\r\n.\r\nNOOP\r\n", R_BEGIN
	    R_STORED "|250 |", "ZSROACZ", ".\r\n..\r\n.\r\n" },
	{ 0, BEGIN "BDAT 2\r\na\rBDAT 2 LAST\r\n\nb", R_BEGIN "250 |" R_STORED
	    "|", "ZSROACZ", "a\r\nb" },
	{ 0, BEGIN "BDAT 2\r\na\rBDAT 2 LAST\r\nbcNOOP\r\n", R_BEGIN "250 |"
	    BARE "|250 |", "ZSRONZ", "" },
	{ 0, BEGIN "BDAT 2 LAST\r\na\rNOOP\r\n", R_BEGIN BARE "|250 |",
	    "ZSRONZ", "" },
	{ 0, BEGIN "BDAT 4 LAST\r\n\r\na\rNOOP\r\n", R_BEGIN BARE "|250 |",
	    "ZSROANZ", "\r\na\r" },
	{ 0, BEGIN "BDAT 3\r\na\nbNOOP\r\nBDAT 2\r\n\r\nDATA\r\n" FROM
	    "BDAT 4 LAST\r\nQUITRSET\r\n" FROM, R_BEGIN BARE "|250 |"
	    "503 5.5.1 RSET first|503 |503 |503 |250 |250 |",
	    "ZSRONZNNNNZS", "" },
	{ 0, BINARY "BDAT 6 LAST\r\na\nb\rc\r", R_BEGIN R_STORED "|",
	    "ZSROACZ", "a\nb\rc\r" },
	{ ACCEPT, BEGIN "BDAT 6 LAST\na\nb\rc\r", R_BEGIN R_STORED "|",
	    "ZSROACZ", "a\nb\rc\r" },
	{ 0, BEGIN "BDAT 1\r\naDATA\r\n" TO FROM "BDAT 1 LAST\r\nbDATA\r\n",
	    R_BEGIN "250 |503 5.5.1 BDAT LAST or RSET |503 |503 |" R_STORED
	    "|503 |", "ZSRONNNACZN", "ab" },
	{ 0, BEGIN "BDAT 1\r\naRSET\r\n" FROM TO "BDAT 1 LAST\r\nb", R_BEGIN
	    "250 |250 |250 |250 |" R_STORED "|", "ZSROZSROACZ", NULL },
	{ 0, BEGIN "BDAT 1\r\na" EHLO "BDAT 4\r\nQUITNOOP\r\n", R_BEGIN
	    "250 |250 |503 5.5.1 MAIL first|250 |", "ZSROZN", NULL },
	/* Octets of a refused chunk are never commands. */
	{ 0, "BDAT 4\r\nQUITNOOP\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
	    "220 |503 5.5.1 EHLO |250 |503 |250 |", "NN", "" },
	{ 0, EHLO FROM "BDAT 6 LAST\r\nQUIT\r\n" TO "BDAT 6\r\nQUIT\r\n"
	    "BDAT 0 LAST\r\n", R_EHLO "250 |554 5.5.1 |250 |250 |" R_STORED
	    "|", "ZSNROACZ", "QUIT\r\n" },
	{ 0, BEGIN "BDAT 6 FIRST\r\nQUIT\r\nNOOP\r\nBDAT 2 LAST\r\nxyRSET\r\n",
	    R_BEGIN "501 5.5.4 bad parameter|250 |503 |250 |", "ZSRNZNZ", "" },
	{ 0, BEGIN "BDAT 2\r\nxyBDAT 2 LAST LAST\r\nxyNOOP\r\n", R_BEGIN
	    "250 |501 |250 |", "ZSRONZ", "" },
	{ SMALL, BEGIN "BDAT 101 LAST\r\n123456789 123456789 123456789 "
	    "123456789 123456789 123456789 123456789 123456789 123456789 "
	    "123456789 1NOOP\r\n", R_BEGIN "552 5.3.4 |250 |", "ZSRNZ", "" },
	{ SMALL, BEGIN "BDAT 60\r\n123456789 123456789 123456789 123456789 "
	    "123456789 123456789 BDAT 40\r\n123456789 123456789 123456789 "
	    "123456789 BDAT 1 LAST\r\nxNOOP\r\n", R_BEGIN
	    "250 |250 |552 5.3.4 |250 |", NULL, NULL },
	{ SMALL, BEGIN "BDAT 18446744073709551615 LAST\r\nQUIT\r\n", R_BEGIN,
	    "ZSR", "" },
	{ UNLIMITED, BEGIN "BDAT 18446744073709551615 LAST\r\nQUIT\r\n",
	    R_BEGIN, "ZSROA", "QUIT\r\n" },
	/* Where their number is not known, nothing is read any more. */
	{ 0, BEGIN "BDAT 18446744073709551616 LAST\r\nQUIT\r\n", R_BEGIN
	    "501 5.5.4 not a chunk size|", "ZSRNZX", "" },
	{ 0, BEGIN "BDAT x\r\nQUIT\r\n", R_BEGIN "501 5.5.4 not a |",
	    "ZSRNZX", "" },
	{ 0, BEGIN "BDAT -1\r\nQUIT\r\n", R_BEGIN "501 |", "ZSRNZX", "" },
	{ 0, BEGIN "BDAT LAST\r\nQUIT\r\n", R_BEGIN "501 |", "ZSRNZX", "" },
	{ 0, BEGIN "BDAT 6\t\r\nQUIT\r\n", R_BEGIN "501 5.5.2 |", "ZSRNZX",
	    "" },
	{ 0, BEGIN "BDAT 6 LAST\001\r\nQUIT\r\n", R_BEGIN "501 5.5.2 |",
	    "ZSRNZX", "" },
	{ 0, BEGIN "BDAT\r\nNOOP\r\n", R_BEGIN "501 5.5.4 syntax: BDAT |250 |",
	    "ZSRN", "" },

	/* LMTP */
	{ LMTP, LHLO FROM TO "RCPT TO:<outcome-full@y>\r\n"
	    "RCPT TO:<unknown@y>\r\n" TO "DATA\r\nx\r\n.\r\nNOOP\r\n",
	    R_EHLO "250 |250 |250 |550 5.1.1 |250 |354 |" R_STORED
	    "|452 4.2.2 |" R_STORED "|250 |", "ZSRRRNROACUUNUZ", "x\r\n" },
	{ LMTP, LHLO FROM TO TO "BDAT 2\r\nx\nNOOP\r\nRSET\r\n" FROM TO TO
	    "BDAT 2 LAST\r\nx\nNOOP\r\n", R_EHLO "250 |250 |250 |" BARE
	    "|250 |250 |250 |250 |250 |" BARE "|" BARE "|250 |",
	    "ZSRRONZZSRRONNZ", "" },
	{ LMTP, LHLO "MAIL FROM:<commit-space@b>\r\n" TO TO
	    "BDAT 1 LAST\r\nx", R_EHLO "250 |250 |250 |452 4.3.1 |452 4.3.1 |",
	    "ZSRROACNNZ", "x" },
	{ LMTP, LHLO "MAIL FROM:<open-space@b>\r\n" TO TO
	    "BDAT 1 LAST\r\nx" FROM, R_EHLO
	    "250 |250 |250 |452 4.3.1 |452 4.3.1 |250 |", "ZSRRONNZS", "" },
	{ LMTP, LHLO "MAIL FROM:<open-space@b>\r\n" TO TO "DATA\r\nNOOP\r\n",
	    R_EHLO "250 |250 |250 |452 4.3.1 |250 |", "ZSRRONZ", "" },

	/* Pipelined: one packet, all replies in order. */
	{ 0, BEGIN "RCPT TO:<unknown@y>\r\nDATA\r\nx\r\n.\r\n" FROM TO
	    "BDAT 1 LAST\r\nyQUIT\r\n", R_BEGIN "550 5.1.1 |354 |" R_STORED
	    "|250 |250 |" R_STORED "|221 |", "ZSRRNOACZSROACZZX", "x\r\ny" },
};

static const struct packets whole = { 0 }, ones = { .every = 1 },
    threes = { .every = 3 };

static struct drive first, other;
static char longest_name[ADDRESS_DOMAIN_MAX + 1];

static struct protocol_settings
settings_of(unsigned flags)
{
	return (struct protocol_settings){
		.hostname = "mx.example.org",
		.size_max = flags & UNLIMITED ? 0 : flags & SMALL ? 100 : 1000,
		.recipients_max = flags & FEW ? 2 : 10,
		.messages_max = flags & FEW ? 3 : 10,
		.errors_max = flags & ERRORS ? 2 : 20,
		.hops_max = flags & HOPS ? 2 : 5,
		.lmtp = flags & LMTP, .vrfy = flags & VRFY,
		.expn = flags & EXPN, .bare_newline = flags & ACCEPT,
		.starttls = flags & TLS, .auth = flags & AUTH,
		.tls_required = flags & TLS_FIRST,
		.auth_required = flags & AUTH_FIRST, .auth_failures_max = 2,
	};
}

static bool
same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* Whether the replies begin as expected: "220 |250 |". */
static bool
replies_match(const struct drive *drive, const char *want)
{
	static const char *last[DRIVE_MAX / 5];
	size_t count, i;

	if (!replies_parse(drive->replies, drive->replies_len, last, &count))
		return false;
	for (i = 0; i < count && *want != '\0'; i++) {
		size_t len = strcspn(want, "|");

		if (strncmp(last[i], want, len) != 0)
			return false;
		want += len + 1;
	}
	return i == count && *want == '\0';
}

/* The same input in other packets. */
static void
check_packets(const struct protocol_settings *settings, unsigned flags,
    const char *input, size_t len, const struct packets *packets,
    const char *name)
{
	drive_start(&other, settings, flags & EARLY);
	other.protocol.confidential = flags & OPEN;
	drive_input(&other, input, len, packets);
	CHECK(same(first.replies, first.replies_len, other.replies,
	    other.replies_len), "%s: packets change replies to\n%.*s", name,
	    (int)other.replies_len, other.replies);
	CHECK(same(first.body, first.body_len, other.body, other.body_len),
	    "%s: packets change the body to\n%.*s", name, (int)other.body_len,
	    other.body);
	CHECK(same(first.wants, first.wants_len, other.wants,
	    other.wants_len), "%s: packets change the wants %.*s to %.*s",
	    name, (int)first.wants_len, first.wants, (int)other.wants_len,
	    other.wants);
	/* Hung up in the middle of what was sent at once, or not. */
	CHECK(first.closed == other.closed, "%s", name);
}

static void
run(unsigned flags, const char *input, size_t len, const char *replies,
    const char *wants, const char *body, const char *name)
{
	struct protocol_settings settings = settings_of(flags);

	drive_start(&first, &settings, flags & EARLY);
	first.protocol.confidential = flags & OPEN;
	drive_input(&first, input, len, &whole);
	CHECK(replies_match(&first, replies == NULL ? "" : replies) ||
	    replies == NULL, "%s: replies are\n%.*s", name,
	    (int)first.replies_len, first.replies);
	CHECK(wants == NULL || same(first.wants, first.wants_len, wants,
	    strlen(wants)), "%s: wants are %.*s", name, (int)first.wants_len,
	    first.wants);
	CHECK(body == NULL || same(first.body, first.body_len, body,
	    strlen(body)), "%s: the body is\n%.*s", name, (int)first.body_len,
	    first.body);
	check_packets(&settings, flags, input, len, &ones, name);
	check_packets(&settings, flags, input, len, &threes, name);
}

static void
check_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run(rows[i].flags, rows[i].input, strlen(rows[i].input),
		    rows[i].replies, rows[i].wants, rows[i].body,
		    rows[i].input);
	run(0, DATA "a\0b\r\n.\r\n", sizeof(DATA "a\0b\r\n.\r\n") - 1,
	    R_DATA R_STORED "|", "ZSROACZ", NULL, "NUL in a body");
	CHECK(same(first.body, first.body_len, "a\0b\r\n", 5), "NUL in a body");
	run(0, "NOOP \0\r\n", 8, "220 |501 5.5.2 |", "N", "", "NUL");
	run(0, "\0", 1, "220 |500 5.5.2 |", "NZX", "", "NUL first");
}

/* What EHLO says, to the letter, with the longest name there may be. */
static void
check_ehlo(void)
{
	struct protocol_settings settings = settings_of(0);
	static const char want[] = "250-mx.example.org\r\n250-PIPELINING\r\n"
	    "250-SIZE 1000\r\n250-LIMITS RCPTMAX=10 MAILMAX=10\r\n"
	    "250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n";
	size_t count;

	drive_start(&first, &settings, false);
	drive_send(&first);
	first.replies_len = 0;
	drive_input(&first, EHLO, sizeof(EHLO) - 1, &whole);
	CHECK(same(first.replies, first.replies_len, want, sizeof(want) - 1),
	    "EHLO says\n%.*s", (int)first.replies_len, first.replies);

	memset(longest_name, 'h', ADDRESS_DOMAIN_MAX);
	settings = (struct protocol_settings){
		.hostname = longest_name, .size_max = UINT64_MAX,
		.recipients_max = UINT32_MAX, .messages_max = UINT32_MAX,
		.errors_max = UINT32_MAX, .vrfy = true, .expn = true,
	};
	for (int turn = 0; turn < 2; turn++) {
		drive_start(&first, &settings, turn == 1);
		for (int i = 0; i < 50; i++)
			drive_input(&first, EHLO "HELP\r\nMAIL x\r\n",
			    sizeof(EHLO "HELP\r\nMAIL x\r\n") - 1, &whole);
		CHECK(replies_parse(first.replies, first.replies_len, NULL,
		    &count) && count == 151, "the longest EHLO");
	}
	CHECK(PROTOCOL_REPLY_MAX >= ADDRESS_DOMAIN_MAX + 512,
	    "a greeting and EHLO fit");
}

/* What comes in clear behind STARTTLS is neither looked at nor kept. */
static void
check_injection(void)
{
	static const char *const inputs[] = {
		EHLO TLS_ON EHLO FROM, EHLO TLS_ON "\r\n", TLS_ON "\x16\x03\x01",
		EHLO TLS_ON "RSET",
	};
	struct protocol_settings settings = settings_of(TLS);

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		size_t len = strlen(inputs[i]), room;
		bool greeted = inputs[i][0] == 'E';

		drive_start(&first, &settings, false);
		memcpy(protocol_room(&first.protocol, &room), inputs[i], len);
		protocol_add(&first.protocol, len);
		CHECK(!drive_on(&first), "input %zu", i);
		CHECK(replies_match(&first, greeted ? R_EHLO "554 5.5.1 |" :
		    "220 |554 5.5.1 |"), "input %zu: %.*s", i,
		    (int)first.replies_len, first.replies);
		CHECK(!first.protocol.secure, "input %zu", i);
	}
	/* Nor what was put there before the handshake, by whomever. */
	drive_start(&first, &settings, false);
	memcpy(first.protocol.in, FROM, sizeof(FROM) - 1);
	protocol_add(&first.protocol, sizeof(FROM) - 1);
	protocol_secured(&first.protocol);
	CHECK(protocol_step(&first.protocol) == PROTOCOL_WANT_INPUT,
	    "clear text after TLS");
}

/* A line of that many octets with its end: prefix, then fill, then suffix. */
static size_t
make_line(char *out, const char *prefix, size_t len, const char *suffix)
{
	size_t prefix_len = strlen(prefix), suffix_len = strlen(suffix);

	memset(out, 'x', len);
	memcpy(out, prefix, prefix_len);
	memcpy(out + len - suffix_len, suffix, suffix_len);
	return len;
}

static void
check_lengths(void)
{
	static const struct {
		const char *prefix, *suffix;
		size_t len;
		const char *replies;
	} lines[] = {
		{ "NOOP ", "\r\n", 512, "220 |250 |250 |" },
		{ "NOOP ", "\r\n", 513, "220 |500 5.5.2 line too|250 |" },
		{ "N", "\r\n", 513, "220 |500 5.5.2 line too|250 |" },
		{ "N", "\r\n", 512, "220 |500 5.5.1 |250 |" },
		{ "MAIL FROM:<", "\r\n", 1065, "220 |503 |250 |" },
		{ EHLO "MAIL FROM:<", "\r\n", 1065 + 16,
		    R_EHLO "501 5.1.7 |250 |" },
		{ EHLO "MAIL FROM:<", "\r\n", 1066 + 16,
		    R_EHLO "500 5.5.2 line too|250 |" },
		{ "NOOP ", "\r\n", 2048, "220 |500 5.5.2 line too|250 |" },
		{ "NOOP ", "\r\n", 2049, "220 |500 5.5.2 line too|250 |" },
		{ "NOOP ", "\r\n", 65536, "220 |500 5.5.2 line too|250 |" },
		{ "NOOP ", "\r\n", 65537, "220 |500 5.5.2 line too|" },
		{ "NOOP ", "\r\n", 200000, "220 |500 5.5.2 line too|" },
		{ "NOOP ", "\nNOOP\r\n", 2049 + 6,
		    "220 |500 5.5.2 bare LF|" },
		{ "EHLO ", "\r\n", 255 + 7, "220 |250 |250 |" },
		{ "EHLO ", "\r\n", 256 + 7, "220 |501 5.5.2 |250 |" },
		/* Not one line further, however long this one is. */
		{ "POST /", "\r\n", 3000, "220 |500 5.5.2 this is|" },
		{ "get", "\r\n", 3000, "220 |500 5.5.2 line too|250 |" },
		{ "BDAT 10 ", "\r\n", 600, "220 |500 5.5.2 line too|" },
		{ "BDAT 10 ", "\r\n", 3000, "220 |500 5.5.2 line too|" },
		{ EHLO FROM "RCPT TO:<", "@y>\r\n", 16 + 25 + 9 + 64 + 5,
		    R_EHLO "250 |250 |250 |" },
		{ EHLO FROM "RCPT TO:<", "@y>\r\n", 16 + 25 + 9 + 65 + 5,
		    R_EHLO "250 |501 5.1.3 forward-path too long|250 |" },
		{ EHLO "MAIL FROM:<", "@y>\r\n", 16 + 11 + 64 + 5,
		    R_EHLO "250 |250 |" },
		{ EHLO "MAIL FROM:<", "@y>\r\n", 16 + 11 + 65 + 5,
		    R_EHLO "501 5.1.7 reverse-path too long|250 |" },
	};
	static char text[PROTOCOL_IN_MAX * 4];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		size_t len = make_line(text, lines[i].prefix, lines[i].len,
		    lines[i].suffix);

		memcpy(text + len, "NOOP\r\n", 6);
		run(0, text, len + 6, lines[i].replies, NULL, "",
		    lines[i].prefix);
	}
}

/* Each verdict at each place where one is asked for. */
static void
check_verdicts(void)
{
	static const char *const replies[VERDICT_COUNT] = {
		[VERDICT_UNKNOWN_USER] = "550 5.1.1 |",
		[VERDICT_RELAY_DENIED] = "550 5.7.1 |",
		[VERDICT_NO_QUEUE] = "550 5.7.1 |",
		[VERDICT_NOT_OWNER] = "550 5.7.1 |",
		[VERDICT_NOT_FOR_NETWORK] = "550 5.7.1 |",
		[VERDICT_TOO_FAST_MESSAGES] = "450 4.7.1 |",
		[VERDICT_TOO_FAST_RECIPIENTS] = "452 4.5.3 |",
		[VERDICT_NOT_AUTHENTIC] = "535 5.7.8 |",
		[VERDICT_MALFORMED] = "501 5.5.2 |",
		[VERDICT_UNKNOWN_MECHANISM] = "504 5.5.4 |",
		[VERDICT_EARLY] = "554 5.5.1 |",
		[VERDICT_NOT_LISTED] = "451 4.3.0 |",
		[VERDICT_OVER_QUOTA] = "452 4.2.2 |",
		[VERDICT_OVER_QUOTA_NEVER] = "552 5.2.2 |",
		[VERDICT_NO_SPACE] = "452 4.3.1 |",
		[VERDICT_TOO_BIG] = "552 5.3.4 |",
		[VERDICT_TOO_MANY] = "452 4.5.3 |",
		[VERDICT_ALIAS_LOOP] = "451 4.4.6 |",
		[VERDICT_MISCONFIGURED] = "451 4.3.5 |",
		[VERDICT_LATER] = "451 4.3.0 |",
	};
	static const struct {
		unsigned flags;
		const char *before, *after, *replies, *then;
	} places[] = {
		{ 0, EHLO "MAIL FROM:<", "@b>\r\n" TO, R_EHLO, "503 |" },
		{ 0, EHLO FROM "RCPT TO:<", "@b>\r\nDATA\r\n", R_EHLO "250 |",
		    "554 5.5.1 |" },
		{ VRFY, "VRFY ", "@b\r\nNOOP\r\n", "220 |", "250 |" },
		{ EXPN, "EXPN ", "@b\r\nNOOP\r\n", "220 |", "250 |" },
		{ 0, EHLO "MAIL FROM:<open-", "@b>\r\n" TO "DATA\r\nQUIT\r\n",
		    R_EHLO "250 |250 |", "221 |" },
		{ 0, EHLO "MAIL FROM:<open-", "@b>\r\n" TO
		    "BDAT 6 LAST\r\nQUIT\r\n" FROM, R_EHLO "250 |250 |",
		    "250 |" },
		{ 0, EHLO "MAIL FROM:<open-", "@b>\r\n" TO
		    "BDAT 6\r\nQUIT\r\n" FROM, R_EHLO "250 |250 |", "503 |" },
		{ 0, EHLO "MAIL FROM:<commit-", "@b>\r\n" TO
		    "DATA\r\nx\r\n.\r\n" FROM, R_EHLO "250 |250 |354 |",
		    "250 |" },
		{ 0, EHLO "MAIL FROM:<commit-", "@b>\r\n" TO
		    "BDAT 1 LAST\r\nx" FROM, R_EHLO "250 |250 |", "250 |" },
		{ LMTP, LHLO FROM "RCPT TO:<outcome-", "@b>\r\n"
		    "DATA\r\nx\r\n.\r\n" FROM, R_EHLO "250 |250 |354 |",
		    "250 |" },
	};
	char input[512], want[256], name[64];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (int v = 0; v < VERDICT_COUNT; v++) {
			const char *reply = replies[v];
			bool lists = places[i].flags & (VRFY | EXPN);

			if (lists && v == VERDICT_NOT_LISTED)
				reply = "252 2.0.0 |";
			if (v == VERDICT_YES && !(places[i].flags & EXPN))
				continue;
			if (v == VERDICT_YES)	/* no answer to "which?" */
				reply = "451 4.3.0 |";
			(void)snprintf(input, sizeof(input), "%s%s%s",
			    places[i].before, verdict_names[v],
			    places[i].after);
			(void)snprintf(want, sizeof(want), "%s%s%s",
			    places[i].replies, reply, places[i].then);
			(void)snprintf(name, sizeof(name), "place %zu, "
			    "verdict %s", i, verdict_names[v]);
			run(places[i].flags, input, strlen(input), want, NULL,
			    NULL, name);
		}
	/* Without a question an answer changes nothing. */
	protocol_answer(&first.protocol, VERDICT_LATER);
	CHECK(first.protocol.out_len == 0, "an answer nobody asked for");
}

/* Each reason to end a session, at each place. */
static void
check_ends(void)
{
	static const char *const ends[PROTOCOL_END_COUNT] = {
		[PROTOCOL_END_INPUT] = "", [PROTOCOL_END_IDLE] = "421 4.4.2 n|",
		[PROTOCOL_END_SLOW] = "421 4.4.2 the message|",
		[PROTOCOL_END_DEADLINE] = "421 4.4.2 the session|",
		[PROTOCOL_END_SHUTDOWN] = "421 4.3.2 |",
		[PROTOCOL_END_TLS] = "",
	};
	static const struct { const char *input, *replies; } places[] = {
		{ "", "220 |" },
		{ "NOO", "220 |" },
		{ DATA "Subj", R_DATA },
		{ DATA "x\r\n.", R_DATA },
		{ BEGIN "BDAT 10\r\nabc", R_BEGIN },
		{ DATA "x\n.\n", R_DATA },
	};
	struct protocol_settings settings = settings_of(0);
	char want[256];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (int why = 0; why < PROTOCOL_END_COUNT; why++) {
			const char *end = ends[why];
			bool bare = why == PROTOCOL_END_IDLE && i == 5;

			drive_start(&first, &settings, false);
			drive_input(&first, places[i].input,
			    strlen(places[i].input), &whole);
			CHECK(protocol_in_body(&first.protocol) == (i > 1),
			    "place %zu", i);
			protocol_end(&first.protocol, (enum protocol_end)why);
			CHECK(!drive_on(&first), "place %zu, end %d", i, why);
			(void)snprintf(want, sizeof(want), "%s%s",
			    places[i].replies,
			    bare ? "421 4.4.2 waiting for <CR><LF>.|" : end);
			CHECK(replies_match(&first, want) && strncmp(
			    first.wants + first.wants_len - 2, "ZX", 2) == 0,
			    "place %zu, end %d: %.*s", i, why,
			    (int)first.replies_len, first.replies);
			CHECK(first.bodies == 0, "nothing is committed");
		}
}

/* A caller that is slow to send is asked to, and loses nothing. */
static void
check_output(void)
{
	struct protocol_settings settings = settings_of(VRFY | EXPN);
	struct protocol *p = &first.protocol;
	unsigned waits = 0;
	size_t room, count, len = 0;
	char input[2048];
	enum protocol_want want;

	while (len + 6 < sizeof(input)) {
		memcpy(input + len, "NOOP\r\n", 6);
		len += 6;
	}
	drive_start(&first, &settings, false);
	memcpy(protocol_room(p, &room), input, len);
	protocol_add(p, len);
	while ((want = protocol_step(p)) == PROTOCOL_WANT_OUTPUT) {
		CHECK(p->out_len > PROTOCOL_OUT_MAX - PROTOCOL_REPLY_MAX &&
		    p->out_len < PROTOCOL_OUT_MAX, "%zu", p->out_len);
		CHECK(protocol_step(p) == PROTOCOL_WANT_OUTPUT, "asked again");
		drive_send(&first);
		waits++;
	}
	CHECK(want == PROTOCOL_WANT_INPUT && waits > 0, "%u waits", waits);
	drive_send(&first);
	CHECK(replies_parse(first.replies, first.replies_len, NULL, &count) &&
	    count == 1 + len / 6, "%zu replies", count);
	(void)protocol_room(p, &room);
	CHECK(room == PROTOCOL_IN_MAX, "all room is given back");
	CHECK(p->commands == len / 6, "%u commands", p->commands);
}

int
main(void)
{
	check_rows();
	check_ehlo();
	check_injection();
	check_lengths();
	check_verdicts();
	check_ends();
	check_output();
	return unit_end("protocol");
}
