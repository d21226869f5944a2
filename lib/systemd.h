/* SPDX-License-Identifier: ISC */
/* systemd.h - what systemd says to a service in its environment, and what the
 * service answers.
 *
 * Two protocols of a few lines that sd_listen_fds(3) and sd_notify(3) promise
 * to keep, spoken without libsystemd: loading that takes 1 ms, and the 35
 * mappings it brings would make each later fork slower. Knows no SMTP. */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SYSTEMD_FD_FIRST = 3,	/* sd_listen_fds(3) */
	SYSTEMD_NAME_MAX = 255, /* systemd.socket(5), FileDescriptorName= */
};

/* How many descriptors were passed to this process, from SYSTEMD_FD_FIRST on;
 * 0 where none was. They are made close-on-exec. */
unsigned systemd_descriptors(void);

/* The name of the descriptor with an index, from 0 on (LISTEN_FDNAMES,
 * sd_listen_fds_with_names(3)), or "" where it has none or it is too long. */
void systemd_descriptor_name(unsigned index, char name[SYSTEMD_NAME_MAX + 1]);

/* Whether the service manager itself started this process, and so starts it
 * again when it is needed (SYSTEMD_EXEC_PID, systemd.exec(5)). */
bool systemd_started_us(void);

/* How often the service manager wants to hear that we are alive: microseconds,
 * 0 for not at all (sd_watchdog_enabled(3)). */
uint64_t systemd_watchdog(void);

/* Tell the service manager what has changed: lines NAME=value, sd_notify(3).
 * Without one, and where it cannot be told, nothing happens: it only watches.
 * expected: it waits for this, so we wait for it, up to 5 seconds. */
void systemd_notify(const char *lines, bool expected);

#endif
