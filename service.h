/* SPDX-License-Identifier: ISC */
/* service.h - the settings of each listener, and what all sessions that are
 * forked from here share of TLS.
 *
 * A socket of systemd's has a name (FileDescriptorName=), and smtpd.conf(5) may
 * have a section of that name. Knows settings and certificates; knows no SMTP
 * and no descriptor. */
#ifndef SERVICE_H
#define SERVICE_H

#include "lib/config.h"
#include "lib/listen.h"
#include "lib/log.h"
#include "lib/systemd.h"
#include "lib/tls.h"

/* The settings of the listeners of a name, and what is made of them. */
struct service {
	char name[SYSTEMD_NAME_MAX + 1]; /* "" for all without one */
	struct config config;
	struct tls *tls; /* or NULL; another service may share it */
	bool closed;	 /* its settings are wrong: nobody is served */
};

struct services {
	struct service *list; /* the first one's settings are also those of the
			       * process */
	size_t len;
	size_t of[LISTEN_MAX]; /* each listener's, an index */
};

/* Load the settings for as many listeners as were passed to this process, and
 * at least those of the process itself. Where those of one listener alone are
 * wrong log is told, and that service is closed. Returns NULL, or what is wrong
 * with all, which stays with call. services is to be freed in either case. */
const char *service_load(struct services *services, unsigned listeners,
    struct config_call *call, int argc, char *const argv[], struct log *log);

/* The library and the certificates of all, before the first fork, and again
 * when files have changed. What lacks is told to log; what was there before
 * stays. Without any, sessions try by themselves, and their clients are told to
 * come later. */
void service_open_tls(struct services *services, struct log *log);

/* Whether all that are to speak TLS can. */
bool service_has_tls(const struct services *services);

/* Before each fork; services is a struct services. */
void service_rotate(void *services);

void service_free(struct services *services);

#endif
