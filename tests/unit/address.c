/* SPDX-License-Identifier: ISC */
/* Addresses by table: RFC 5321, 4.1.2 and 4.1.3; RFC 6531, 3.3. Each row is
 * parsed from memory that ends where the row ends. */
#include "unit.h"

#include <stdlib.h>

#include "lib/address.h"

enum {				/* short names for the columns */
	N = ADDRESS_ALLOW_NULL, P = ADDRESS_ALLOW_POSTMASTER,
	U = ADDRESS_ALLOW_UTF8, ALL = N | P | U,
};
#define OK ADDRESS_OK
#define BAD ADDRESS_SYNTAX
#define LONG ADDRESS_TOO_LONG
#define UTF ADDRESS_NEEDS_UTF8

#define X8 "xxxxxxxx"
#define X32 X8 X8 X8 X8
#define X63 X32 X8 X8 X8 "xxxxxxx"
#define X64 X32 X32
#define UE "\xc3\xbc"			/* U+00FC */

static const struct row {
	const char *text;
	unsigned allow;
	enum address_status status;
	enum address_kind kind;
	const char *local, *domain;
	size_t used;			/* 0: all of text */
	const char *printed;		/* NULL: local@domain */
} paths[] = {
	/* Which forms are allowed. */
	{ "<>", N, OK, ADDRESS_NULL, "", "", 0, "" },
	{ "<> SIZE=1", ALL, OK, ADDRESS_NULL, "", "", 2, "" },
	{ "<>", P | U, BAD, 0, 0, 0, 0, 0 },
	{ "<postmaster>", P, OK, ADDRESS_POSTMASTER, "postmaster", "", 0,
	    "postmaster" },
	{ "<PostMASTER> x", P, OK, ADDRESS_POSTMASTER, "postmaster", "", 12,
	    "postmaster" },
	{ "<postmaster>", N | U, BAD, 0, 0, 0, 0, 0 },
	{ "<postmaste>", P, BAD, 0, 0, 0, 0, 0 },
	{ "<postmasters>", P, BAD, 0, 0, 0, 0, 0 },
	{ "<postmaster", P, BAD, 0, 0, 0, 0, 0 },
	{ "<postmaster@x>", P, OK, ADDRESS_DOMAIN, "postmaster", "x", 0, 0 },
	{ "<hostmaster>", P, BAD, 0, 0, 0, 0, 0 },

	/* Path and Mailbox. */
	{ "<a@b>", 0, OK, ADDRESS_DOMAIN, "a", "b", 0, 0 },
	{ "<a@b>c", 0, OK, ADDRESS_DOMAIN, "a", "b", 5, 0 },
	{ "<a@b>>", 0, OK, ADDRESS_DOMAIN, "a", "b", 5, 0 },
	{ "", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "a@b", ALL, BAD, 0, 0, 0, 0, 0 },
	{ " <a@b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "< a@b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@b >", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<<a@b>>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@b", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<@b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a b@c>", ALL, BAD, 0, 0, 0, 0, 0 },

	/* Dot-string. */
	{ "<a.b.c@d>", 0, OK, ADDRESS_DOMAIN, "a.b.c", "d", 0, 0 },
	{ "<!#$%&'*+-/=?^_`{|}~@d>", 0, OK, ADDRESS_DOMAIN,
	    "!#$%&'*+-/=?^_`{|}~", "d", 0, 0 },
	{ "<a!b%c@d>", 0, OK, ADDRESS_DOMAIN, "a!b%c", "d", 0, 0 },
	{ "<.a@b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a.@b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a..b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<.@b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a(b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a,b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a:b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a;b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a\\b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a[b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a\tb@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a\177@c>", ALL, BAD, 0, 0, 0, 0, 0 },

	/* Quoted-string: printed with the least quoting. */
	{ "<\"a\"@b>", 0, OK, ADDRESS_DOMAIN, "a", "b", 0, "a@b" },
	{ "<\"a b\"@c>", 0, OK, ADDRESS_DOMAIN, "a b", "c", 0, "\"a b\"@c" },
	{ "<\"\"@b>", 0, OK, ADDRESS_DOMAIN, "", "b", 0, "\"\"@b" },
	{ "<\" \"@b>", 0, OK, ADDRESS_DOMAIN, " ", "b", 0, "\" \"@b" },
	{ "<\".a\"@b>", 0, OK, ADDRESS_DOMAIN, ".a", "b", 0, "\".a\"@b" },
	{ "<\"a..b\"@c>", 0, OK, ADDRESS_DOMAIN, "a..b", "c", 0,
	    "\"a..b\"@c" },
	{ "<\"a@b\"@c>", 0, OK, ADDRESS_DOMAIN, "a@b", "c", 0, "\"a@b\"@c" },
	{ "<\"a>b\"@c>", 0, OK, ADDRESS_DOMAIN, "a>b", "c", 0, "\"a>b\"@c" },
	{ "<\"\\a\\.\\b\"@c>", 0, OK, ADDRESS_DOMAIN, "a.b", "c", 0, "a.b@c" },
	{ "<\"\\\"\\\\\\ \"@c>", 0, OK, ADDRESS_DOMAIN, "\"\\ ", "c", 0,
	    "\"\\\"\\\\ \"@c" },
	{ "<\"a@b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<\"a\\\"@b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<\"a\\", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<\"a\"b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<\"a\".b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a.\"b\"@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<\"a\tb\"@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<\"a\\\tb\"@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<\"a\177b\"@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<\"a\\\177b\"@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<\"a\\" UE "\"@c>", ALL, BAD, 0, 0, 0, 0, 0 },

	/* Domain. */
	{ "<a@B.c-D.e1>", 0, OK, ADDRESS_DOMAIN, "a", "B.c-D.e1", 0, 0 },
	{ "<a@1.2.3.4>", 0, OK, ADDRESS_DOMAIN, "a", "1.2.3.4", 0, 0 },
	{ "<a@x--y>", 0, OK, ADDRESS_DOMAIN, "a", "x--y", 0, 0 },
	{ "<a@b.>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@.b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@b..c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@-b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@b->", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@b-.c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@b_c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@b/c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@#1>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@\"b\">", ALL, BAD, 0, 0, 0, 0, 0 },

	/* IPv4. */
	{ "<a@[0.0.0.0]>", 0, OK, ADDRESS_LITERAL, "a", "[0.0.0.0]", 0, 0 },
	{ "<a@[255.255.255.255]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[255.255.255.255]", 0, 0 },
	{ "<a@[001.02.3.4]>", 0, OK, ADDRESS_LITERAL, "a", "[001.02.3.4]", 0,
	    0 },
	{ "<a@[256.1.1.1]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[1.1.1.999]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[0001.1.1.1]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[1.2.3]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[1.2.3.]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[1.2.3.4.5]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[1..3.4]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[ 1.2.3.4]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[1.2.3.4>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[1.2.3.4]b>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[", ALL, BAD, 0, 0, 0, 0, 0 },

	/* IPv6: full, compressed, with IPv4 at the end. */
	{ "<a@[IPv6:1:2:3:4:5:6:7:8]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[IPv6:1:2:3:4:5:6:7:8]", 0, 0 },
	{ "<a@[ipv6:FFFF:0:abcd::]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[ipv6:FFFF:0:abcd::]", 0, 0 },
	{ "<a@[IPv6:::]>", 0, OK, ADDRESS_LITERAL, "a", "[IPv6:::]", 0, 0 },
	{ "<a@[IPv6:::1]>", 0, OK, ADDRESS_LITERAL, "a", "[IPv6:::1]", 0, 0 },
	{ "<a@[IPv6:1::]>", 0, OK, ADDRESS_LITERAL, "a", "[IPv6:1::]", 0, 0 },
	{ "<a@[IPv6:1:2:3::4:5:6]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[IPv6:1:2:3::4:5:6]", 0, 0 },
	{ "<a@[IPv6:::1:2:3:4:5:6]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[IPv6:::1:2:3:4:5:6]", 0, 0 },
	{ "<a@[IPv6:1:2:3:4:5:6::]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[IPv6:1:2:3:4:5:6::]", 0, 0 },
	{ "<a@[IPv6:1:2:3:4:5:6:1.2.3.4]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[IPv6:1:2:3:4:5:6:1.2.3.4]", 0, 0 },
	{ "<a@[IPv6:::1.2.3.4]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[IPv6:::1.2.3.4]", 0, 0 },
	{ "<a@[IPv6:::ffff:1.2.3.4]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[IPv6:::ffff:1.2.3.4]", 0, 0 },
	{ "<a@[IPv6:1:2:3:4::1.2.3.4]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[IPv6:1:2:3:4::1.2.3.4]", 0, 0 },
	{ "<a@[IPv6:1:2::3:4:1.2.3.4]>", 0, OK, ADDRESS_LITERAL, "a",
	    "[IPv6:1:2::3:4:1.2.3.4]", 0, 0 },
	{ "<a@[IPv6:]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1:2:3:4:5:6:7]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1:2:3:4:5:6:7:8:9]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1:2:3:4::5:6:7]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1::2::3]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:::1::]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6::::]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6::1:2:3:4:5:6:7]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1:2:3:4:5:6:7:]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1:2:3:4:5:6:7:8:]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:12345::]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:g::]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1:2:3:4:5:1.2.3.4]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1:2:3:4:5:6:7:1.2.3.4]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:1:2:3:4:5::1.2.3.4]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:::1.2.3]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:::1.2.3.256]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:::1.2.3.4:5]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[IPv6:fe80::1%eth0]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[::1]>", ALL, BAD, 0, 0, 0, 0, 0 },

	/* General-address-literal. */
	{ "<a@[tag:x!@>]>", 0, OK, ADDRESS_LITERAL, "a", "[tag:x!@>]", 0, 0 },
	{ "<a@[t-1:(x)]>", 0, OK, ADDRESS_LITERAL, "a", "[t-1:(x)]", 0, 0 },
	{ "<a@[tag:]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[tag]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[:x]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[tag-:x]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[tag:x y]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[tag:x[y]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[tag:x\\y]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[tag:x" UE "]>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a@[t" UE "g:x]>", ALL, BAD, 0, 0, 0, 0, 0 },

	/* Source routes are checked and forgotten. */
	{ "<@a:b@c>", 0, OK, ADDRESS_DOMAIN, "b", "c", 0, 0 },
	{ "<@a,@b.c,@d:e@[1.2.3.4]>", 0, OK, ADDRESS_LITERAL, "e",
	    "[1.2.3.4]", 0, 0 },
	{ "<@a:\"b\"@c>", 0, OK, ADDRESS_DOMAIN, "b", "c", 0, 0 },
	{ "<@a:>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<@a:postmaster>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<@a b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<@a,b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<@a,:b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<@a;b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<@:b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<a:b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<@[1.2.3.4]:b@c>", ALL, BAD, 0, 0, 0, 0, 0 },
	{ "<@a", ALL, BAD, 0, 0, 0, 0, 0 },

	/* UTF-8. */
	{ "<" UE "@b>", 0, UTF, 0, 0, 0, 0, 0 },
	{ "<" UE "@b>", U, OK, ADDRESS_DOMAIN, UE, "b", 0, 0 },
	{ "<a@" UE ".b>", N | P, UTF, 0, 0, 0, 0, 0 },
	{ "<a@b." UE "-" UE ">", U, OK, ADDRESS_DOMAIN, "a", "b." UE "-" UE, 0,
	    0 },
	{ "<a@-" UE ">", U, BAD, 0, 0, 0, 0, 0 },
	{ "<\"" UE " " UE "\"@b>", U, OK, ADDRESS_DOMAIN, UE " " UE, "b", 0,
	    "\"" UE " " UE "\"@b" },
	{ "<\"" UE "\"@b>", 0, UTF, 0, 0, 0, 0, 0 },
	{ "<@" UE ":a@b>", 0, UTF, 0, 0, 0, 0, 0 },
	{ "<@" UE ":a@b>", U, OK, ADDRESS_DOMAIN, "a", "b", 0, 0 },
	{ "<\xc3@b>", U, BAD, 0, 0, 0, 0, 0 },
	{ "<\xc3@b>", 0, BAD, 0, 0, 0, 0, 0 },
	{ "<\xbc@b>", U, BAD, 0, 0, 0, 0, 0 },
	{ "<a@b\xff>", U, BAD, 0, 0, 0, 0, 0 },

	/* Lengths: 64 as written, 255, 256 with all there is. */
	{ "<" X64 "@b>", 0, OK, ADDRESS_DOMAIN, X64, "b", 0, 0 },
	{ "<" X64 "x@b>", 0, LONG, 0, 0, 0, 0, 0 },
	{ "<\"" X32 X8 X8 X8 "xxxxxx\"@b>", 0, OK, ADDRESS_DOMAIN,
	    X32 X8 X8 X8 "xxxxxx", "b", 0, 0 },
	{ "<\"" X32 X8 X8 X8 "xxxxxxx\"@b>", 0, LONG, 0, 0, 0, 0, 0 },
	{ "<\"" X64 X64 "\"@b>", 0, LONG, 0, 0, 0, 0, 0 },
	{ "<" X64 "x@b->", 0, BAD, 0, 0, 0, 0, 0 },
	{ "<" X64 "x@\xff>", 0, BAD, 0, 0, 0, 0, 0 },
	{ "<" X64 "x@" UE ">", 0, UTF, 0, 0, 0, 0, 0 },
	{ "<" X64 "x@" UE ">", U, LONG, 0, 0, 0, 0, 0 },
	{ "<a@" X63 ">", 0, OK, ADDRESS_DOMAIN, "a", X63, 0, 0 },
	{ "<a@" X64 ">", 0, LONG, 0, 0, 0, 0, 0 },
	/* A U-label's length is that of its A-label: not known here. */
	{ "<a@" X64 UE ">", U, OK, ADDRESS_DOMAIN, "a", X64 UE, 0, 0 },
	{ "<a@" X63 "." X63 "." X63 "." X32 X8 X8 "xxxxxxxxxxxx>", 0, OK,
	    ADDRESS_DOMAIN, "a",
	    X63 "." X63 "." X63 "." X32 X8 X8 "xxxxxxxxxxxx", 0, 0 },
	{ "<a@" X63 "." X63 "." X63 "." X32 X8 X8 "xxxxxxxxxxxxx>", 0, LONG,
	    0, 0, 0, 0, 0 },
	{ "<a@" X63 "." X63 "." X63 "." X63 ">", 0, LONG, 0, 0, 0, 0, 0 },
	{ "<a@" X63 "." X63 "." X63 "." X63 ".x>", 0, LONG, 0, 0, 0, 0, 0 },
	{ "<@" X63 "." X63 "." X63 ",@" X32 X8 X8 ":abcdefghi@b>", 0, OK,
	    ADDRESS_DOMAIN, "abcdefghi", "b", 0, 0 },
	{ "<@" X63 "." X63 "." X63 ",@" X32 X8 X8 ":abcdefghijk@b>", 0, LONG,
	    0, 0, 0, 0, 0 },
	{ "<@" X64 ":a@b>", 0, LONG, 0, 0, 0, 0, 0 },
	{ "<a@[tag:" X64 X64 X64 X32 X8 X8 "xxxxxx]>", 0, OK,
	    ADDRESS_LITERAL, "a", "[tag:" X64 X64 X64 X32 X8 X8 "xxxxxx]", 0,
	    0 },
	{ "<a@[tag:" X64 X64 X64 X32 X8 X8 "xxxxxxx]>", 0, LONG, 0, 0, 0, 0,
	    0 },
	{ "<a@[tag:" X64 X64 X64 X63 "]>", 0, LONG, 0, 0, 0, 0, 0 },
};

static const struct {
	const char *text;
	enum address_status status;
	enum address_kind kind;
	const char *printed;
} mailboxes[] = {
	{ "a", OK, ADDRESS_LOCAL, "a" },
	{ "a@b", OK, ADDRESS_DOMAIN, "a@b" },
	{ "a@[1.2.3.4]", OK, ADDRESS_LITERAL, "a@[1.2.3.4]" },
	{ "\"a b\"", OK, ADDRESS_LOCAL, "\"a b\"" },
	{ "\"\"", OK, ADDRESS_LOCAL, "\"\"" },
	{ "postmaster", OK, ADDRESS_LOCAL, "postmaster" },
	{ UE, OK, ADDRESS_LOCAL, UE },
	{ UE "@" UE, OK, ADDRESS_DOMAIN, UE "@" UE },
	{ "\xc3", BAD, 0, 0 },
	{ "", BAD, 0, 0 },
	{ "@", BAD, 0, 0 },
	{ "a@", BAD, 0, 0 },
	{ "<a@b>", BAD, 0, 0 },
	{ "a@b>", BAD, 0, 0 },
	{ "a@b c", BAD, 0, 0 },
	{ "a b", BAD, 0, 0 },
	{ "a,b", BAD, 0, 0 },
	{ "@a:b@c", BAD, 0, 0 },
	{ X64, OK, ADDRESS_LOCAL, X64 },
	{ X64 "x", LONG, 0, 0 },
	{ "|/bin/sh", OK, ADDRESS_LOCAL, "|/bin/sh" },	/* a name, no more */
	{ "a:include", BAD, 0, 0 },
};

/* Text in memory that ends where it ends. */
static char *
exact(const char *text, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, text, len);
	return copy;
}

static void
check_same(const struct address *a, const struct address *b, const char *text)
{
	CHECK(a->local_len == b->local_len && strcmp(a->local, b->local) == 0,
	    "%s: local-part %s is not %s", text, a->local, b->local);
	CHECK(a->domain_len == b->domain_len &&
	    strcmp(a->domain, b->domain) == 0,
	    "%s: domain %s is not %s", text, a->domain, b->domain);
}

static void
check_path(const struct row *row)
{
	size_t len = strlen(row->text), used = 0, printed_len;
	char *text = exact(row->text, len);
	struct address address, again;
	char printed[ADDRESS_PRINT_MAX + 1], want[ADDRESS_PRINT_MAX + 1];
	enum address_status status = address_parse_path(text, len, row->allow,
	    &address, &used);

	free(text);
	CHECK(status == row->status, "%s: status %d", row->text, status);
	if (status != ADDRESS_OK || row->status != ADDRESS_OK)
		return;
	CHECK(used == (row->used == 0 ? len : row->used), "%s: used %zu",
	    row->text, used);
	CHECK(address.kind == row->kind, "%s: kind %d", row->text,
	    address.kind);
	CHECK(strcmp(address.local, row->local) == 0 && address.local_len ==
	    strlen(row->local), "%s: local-part %s", row->text, address.local);
	CHECK(strcmp(address.domain, row->domain) == 0 && address.domain_len ==
	    strlen(row->domain), "%s: domain %s", row->text, address.domain);
	CHECK(address.utf8 == (strpbrk(row->text, UE) != NULL), "%s: utf8",
	    row->text);
	(void)snprintf(want, sizeof(want), "%s@%s", row->local, row->domain);
	printed_len = address_print(&address, printed);
	CHECK(strcmp(printed, row->printed == NULL ? want : row->printed) == 0,
	    "%s: printed %s", row->text, printed);
	CHECK(printed_len == strlen(printed), "%s: printed %zu octets",
	    row->text, printed_len);
	if (address.kind == ADDRESS_NULL)
		return;
	CHECK(address_parse_mailbox(printed, printed_len, &again) ==
	    ADDRESS_OK, "%s: again", printed);
	check_same(&address, &again, row->text);
}

/* A path cut short is never one, and reads nothing past its end. */
static void
check_prefixes(const struct row *row)
{
	size_t used = row->used == 0 ? strlen(row->text) : row->used;

	for (size_t len = 0; row->status == ADDRESS_OK && len < used; len++) {
		char *text = exact(row->text, len);
		struct address address;
		size_t ignored;

		CHECK(address_parse_path(text, len, row->allow, &address,
		    &ignored) == ADDRESS_SYNTAX, "%s cut to %zu", row->text,
		    len);
		free(text);
	}
}

static void
check_mailboxes(void)
{
	for (size_t i = 0; i < sizeof(mailboxes) / sizeof(mailboxes[0]); i++) {
		size_t len = strlen(mailboxes[i].text);
		char *text = exact(mailboxes[i].text, len);
		char printed[ADDRESS_PRINT_MAX + 1];
		struct address address;
		enum address_status status = address_parse_mailbox(text, len,
		    &address);

		free(text);
		CHECK(status == mailboxes[i].status, "%s: status %d",
		    mailboxes[i].text, status);
		if (status != ADDRESS_OK)
			continue;
		address_print(&address, printed);
		CHECK(address.kind == mailboxes[i].kind, "%s: kind %d",
		    mailboxes[i].text, address.kind);
		CHECK(strcmp(printed, mailboxes[i].printed) == 0,
		    "%s: printed %s", mailboxes[i].text, printed);
	}
	CHECK(address_parse_mailbox("a\0b", 3, &(struct address){ 0 }) ==
	    ADDRESS_SYNTAX, "NUL in a local-part");
	CHECK(address_parse_mailbox("a@b\0c", 5, &(struct address){ 0 }) ==
	    ADDRESS_SYNTAX, "NUL in a domain");
	CHECK(address_parse_mailbox("\"a\0b\"", 5, &(struct address){ 0 }) ==
	    ADDRESS_SYNTAX, "NUL in quotes");
	CHECK(address_parse_mailbox("a@[t:\0]", 7, &(struct address){ 0 }) ==
	    ADDRESS_SYNTAX, "NUL in a literal");
}

/* The longest that can be printed: each octet of the local-part quoted. */
static void
check_longest(void)
{
	struct address address = { .kind = ADDRESS_DOMAIN,
	    .local_len = ADDRESS_LOCAL_MAX, .domain_len = ADDRESS_DOMAIN_MAX };
	char printed[ADDRESS_PRINT_MAX + 1];

	memset(address.local, '"', ADDRESS_LOCAL_MAX);
	memset(address.domain, 'd', ADDRESS_DOMAIN_MAX);
	CHECK(address_print(&address, printed) == ADDRESS_PRINT_MAX &&
	    printed[ADDRESS_PRINT_MAX] == '\0', "the longest address");
}

static void
check_utf8(void)
{
	static const struct { const char *text; bool good; } texts[] = {
		{ "", true }, { "abc", true }, { UE, true },
		{ "a" UE "b", true },
		{ "\xc2\x80", true }, { "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true }, { "\xec\xbf\xbf", true },
		{ "\xed\x9f\xbf", true }, { "\xee\x80\x80", true },
		{ "\xef\xbf\xbf", true }, { "\xf0\x90\x80\x80", true },
		{ "\xf3\xbf\xbf\xbf", true }, { "\xf4\x8f\xbf\xbf", true },
		/* overlong */
		{ "\xc0\x80", false }, { "\xc1\xbf", false },
		{ "\xe0\x80\x80", false }, { "\xe0\x9f\xbf", false },
		{ "\xf0\x80\x80\x80", false }, { "\xf0\x8f\xbf\xbf", false },
		/* surrogates, and above U+10FFFF */
		{ "\xed\xa0\x80", false }, { "\xed\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false }, { "\xf5\x80\x80\x80", false },
		{ "\xfe", false }, { "\xff", false },
		/* alone, cut short, interrupted */
		{ "\x80", false }, { "\xbf", false }, { "\xc3", false },
		{ "\xe1\x80", false }, { "\xf1\x80\x80", false },
		{ "\xc3" "a", false }, { "\xe1\x80" "a", false },
		{ "\xf1\x80\x80\xc0", false }, { UE "\xbc", false },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t len = strlen(texts[i].text);
		char *text = exact(texts[i].text, len);

		CHECK(address_is_utf8(text, len) == texts[i].good, "text %zu",
		    i);
		free(text);
	}
}

static void
check_parameters(void)
{
	static const struct {
		const char *text;
		int status;
		const char *keyword, *value, *rest;
	} rows[] = {
		{ "", 0, 0, 0, 0 }, { "   ", 0, 0, 0, 0 },
		{ " SIZE=1", 1, "SIZE", "1", "" },
		{ "  SMTPUTF8  ", 1, "SMTPUTF8", 0, "  " },
		{ " a-b=c d=e", 1, "a-b", "c", " d=e" },
		{ " 8BIT", 1, "8BIT", 0, "" },
		{ " X=!~\"<>", 1, "X", "!~\"<>", "" },
		{ " X=" UE, 1, "X", UE, "" },
		{ " X=\xc3", -1, 0, 0, 0 }, { " X=\x80", -1, 0, 0, 0 },
		{ "SIZE=1", -1, 0, 0, 0 }, { " =1", -1, 0, 0, 0 },
		{ " -A=1", -1, 0, 0, 0 }, { " A=", -1, 0, 0, 0 },
		{ " A= 1", -1, 0, 0, 0 }, { " A=1=2", -1, 0, 0, 0 },
		{ " A==", -1, 0, 0, 0 }, { " A=\001", -1, 0, 0, 0 },
		{ " A=a\177", -1, 0, 0, 0 }, { " A_B", -1, 0, 0, 0 },
		{ " A\tB", -1, 0, 0, 0 }, { " \tA", -1, 0, 0, 0 },
		{ " " UE, -1, 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text);
		char *copy = exact(rows[i].text, len);
		const char *text = copy, *value = rows[i].value;
		struct address_parameter p;
		int status = address_parse_parameter(&text, &len, &p);

		CHECK(status == rows[i].status, "\"%s\": %d", rows[i].text,
		    status);
		if (status > 0 && rows[i].status > 0) {
			CHECK(p.keyword_len == strlen(rows[i].keyword) &&
			    memcmp(p.keyword, rows[i].keyword,
			    p.keyword_len) == 0, "\"%s\"", rows[i].text);
			CHECK(value == NULL ? p.value == NULL :
			    p.value_len == strlen(value) &&
			    memcmp(p.value, value, p.value_len) == 0, "\"%s\"",
			    rows[i].text);
			CHECK(len == strlen(rows[i].rest) &&
			    memcmp(text, rows[i].rest, len) == 0, "\"%s\"",
			    rows[i].text);
		}
		free(copy);
	}
}

static void
check_numbers(void)
{
	static const struct { const char *text; bool good; uint64_t number; }
	rows[] = {
		{ "0", true, 0 }, { "1", true, 1 }, { "00042", true, 42 },
		{ "18446744073709551614", true, UINT64_MAX - 1 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "018446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "18446744073709551620", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "184467440737095516150", false, 0 },
		{ "", false, 0 }, { "-1", false, 0 }, { "+1", false, 0 },
		{ " 1", false, 0 }, { "1 ", false, 0 }, { "0x1", false, 0 },
		{ "1a", false, 0 }, { "/", false, 0 }, { ":", false, 0 },
		{ "\xb2", false, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text);
		char *text = exact(rows[i].text, len);
		uint64_t number = 0;
		bool good = address_parse_number(text, len, &number);

		free(text);
		CHECK(good == rows[i].good, "%s", rows[i].text);
		CHECK(!good || number == rows[i].number, "%s", rows[i].text);
	}
}

static void
check_domains(void)
{
	static const struct { const char *text; bool good; } rows[] = {
		{ "a", true }, { "mx.example.org", true }, { "1.2.3.4", true },
		{ "[1.2.3.4]", true }, { "[IPv6:::1]", true },
		{ "[tag:x]", true }, { X63, true }, { X64, false },
		{ "", false }, { "a.", false }, { ".a", false },
		{ "a_b", false }, { "-a", false }, { "a b", false },
		{ "a/b", false }, { "..", false }, { "@", false },
		{ "[1.2.3.4", false }, { "[1.2.3.4]x", false },
		{ "[]", false }, { "[", false }, { UE, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text);
		char *text = exact(rows[i].text, len);

		CHECK(address_is_domain(text, len) == rows[i].good, "%s",
		    rows[i].text);
		free(text);
	}
}

static void
check_words(void)
{
	for (int byte = 0; byte < 256; byte++) {
		int want = byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;

		CHECK(address_lower((char)byte) == (char)want, "octet %d",
		    byte);
	}
	CHECK(address_same("BoDy", 4, "body"), "case");
	CHECK(!address_same("bod", 3, "body"), "too short");
	CHECK(!address_same("bodyx", 5, "body"), "too long");
	CHECK(!address_same("body\0", 5, "body"), "NUL");
	CHECK(address_same("", 0, ""), "empty");
	CHECK(!address_same("", 0, "a"), "empty");
	CHECK(!address_same("b\xef" "dy", 4, "body"), "high octet");
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		check_path(&paths[i]);
		check_prefixes(&paths[i]);
	}
	check_mailboxes();
	check_longest();
	check_utf8();
	check_parameters();
	check_numbers();
	check_domains();
	check_words();
	return unit_end("address");
}
