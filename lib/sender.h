/* SPDX-License-Identifier: ISC */
/* sender.h - who may use which reverse-path (RFC 6409, 6.1).
 *
 * A user is an address or a local-part, as he authenticated. His mailbox is
 * the one of exactly his name, where there is one: not where an alias of his
 * name, a catch-all or a tag in it leads, which may be the mailbox of another.
 * His are then: the address that is his name, also with a tag unless that
 * leads elsewhere; every address that leads to his mailbox (its tags, aliases,
 * domain aliases, a catch-all), alone or among others; the null reverse-path
 * (RFC 6409, 6.1 with RFC 8098, 2.1). Knows the domains directory; knows no
 * SMTP. */
#ifndef SENDER_H
#define SENDER_H

#include "mailbox.h"

/* Whether the reverse-path is the user's: VERDICT_YES, VERDICT_NOT_OWNER; or
 * LATER, ALIAS_LOOP, MISCONFIGURED where that cannot be said. */
enum verdict sender_check(const struct mailboxes *mailboxes, const char *user,
    const struct address *reverse_path);

#endif
