/* SPDX-License-Identifier: ISC */
/* check.h - what an operator asks: smtpd --check and smtpd --explain.
 *
 * Prints to standard output; changes nothing. */
#ifndef CHECK_H
#define CHECK_H

#include "lib/config.h"

/* Say everything that is wrong with the domains directory: names nobody can
 * reach, aliases, permissions of the user we run as, a missing postmaster.
 * problems: how many were told before, for the sum in the last line. Returns
 * the exit status: 0 if nothing is wrong, else EX_CONFIG. */
int check_domains(const struct config *config, unsigned problems);

/* Say what there is of certificates and passwords, and everything that is wrong
 * with them. Returns how many problems. */
unsigned check_secrets(const struct config *config);

/* Say step by step how a recipient is resolved, and to which Maildirs.
 * Returns the exit status: 0 if it may receive, EX_NOUSER if it may not,
 * EX_TEMPFAIL if that cannot be said, EX_USAGE if it is not an address. */
int check_explain(const struct config *config, const char *address);

#endif
