/* SPDX-License-Identifier: ISC */
/* network.h - lists of networks and of addresses, as settings write them.
 *
 * Pure: text in, truth out. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "address.h"

/* Whether an IP address, text as inet_ntop(3) writes it, is in a list of
 * networks divided by spaces or commas: "192.0.2.0/24, 2001:db8::/32,
 * 192.0.2.1". An IPv4 address mapped into IPv6 is an IPv4 address, in the list
 * too. A word of the list that is no network has nobody in it. */
bool network_has(const char *list, const char *address);

/* Whether list is one: NULL, or the first word that is not a network, *len
 * octets of it. Bits beyond the prefix must be zero. An empty list is one. */
const char *network_wrong(const char *list, size_t *len);

/* Whether a list of domains and addresses, "example.org alice@example.net",
 * has the address or its domain: ASCII without case, other octets as they
 * stand. An address without a domain is in no list. */
bool network_lists(const char *list, const struct address *address);

/* As network_wrong(), for such a list. */
const char *network_not_address(const char *list, size_t *len);

/* Whether an IP address is of the loopback network: 127.0.0.0/8, ::1. */
bool network_is_loopback(const char *address);

#endif
