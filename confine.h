/* SPDX-License-Identifier: ISC */
/* confine.h - the sandbox, as the settings ask for it.
 *
 * Which layers, which files, which limits; and a record of each system call that
 * was refused. Between the settings and lib/sandbox; knows no session. */
#ifndef CONFINE_H
#define CONFINE_H

#include "lib/log.h"
#include "lib/sandbox.h"
#include "service.h"

struct confinement {
	struct sandbox sandbox;
	enum config_sandbox wanted;
	char lacks[SANDBOX_LAYERS * (SANDBOX_TEXT_MAX + 1)];
};

/* Nothing entered yet. */
void confine_init(struct confinement *confinement);

/* What is to hold for all sessions from here on, once; log takes records of
 * calls that are refused, and outlives the process. config is that of the
 * process, as below. */
void confine_process(struct confinement *confinement,
    const struct config *config, struct log *log);

/* The files that sessions with these settings may open: those of the domains
 * directory, which is open as tree_fd, and what the settings name. Prepared
 * here, in force by confine_session(); may be called again. */
void confine_files(
    struct confinement *confinement, const struct config *config, int tree_fd);

/* For one session. limits_files: no file may grow beyond a message. */
void confine_session(struct confinement *confinement,
    const struct config *config, bool limits_files);

/* The system calls, once, and the last of it; with listener also those of the
 * accept loop. */
void confine_calls(struct confinement *confinement,
    const struct services *services, bool listener);

/* Whether the files can be confined, or are. */
bool confine_has_files(const struct confinement *confinement);

/* What the sandbox lacks though it is wanted: "landlock: not in this kernel;
 * ...", or NULL. */
const char *confine_lacks(struct confinement *confinement);

/* Whether what it lacks forbids to serve (sandbox = require). */
bool confine_forbids(struct confinement *confinement);

#endif
