/* SPDX-License-Identifier: ISC */
/* sandbox.h - what the process gives up before it reads a byte of a client.
 *
 *   the process   no new privileges, no capabilities, no core, no tracing,
 *                 little memory, few descriptors, short files
 *   the session   no new process; files beneath one directory (Landlock)
 *   the kernel    a list of the system calls that are left (seccomp)
 *
 * Each layer stands alone: what an older kernel lacks is left out and said.
 * Knows processes and the kernel; knows no SMTP and no mailbox. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A program built with AddressSanitizer needs memory and calls beyond any list
 * of ours, and one that counts its lines writes the counts somewhere: they are
 * not confined. */
#if defined(__SANITIZE_ADDRESS__) || defined(SANDBOX_NEVER)
enum { SANDBOX_CAN = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANDBOX_CAN = 0 };
#else
enum { SANDBOX_CAN = 1 };
#endif
#else
enum { SANDBOX_CAN = 1 };
#endif

enum {
	SANDBOX_FILES = 256,	/* descriptors; what the store opens at once
				 * stays below */
	SANDBOX_TEXT_MAX = 255, /* octets of what sandbox_describe() says */
};

enum sandbox_layer {
	SANDBOX_PRIVILEGES,   /* no_new_privs */
	SANDBOX_CAPABILITIES, /* all sets empty; for root: those over files */
	SANDBOX_DUMP,	      /* neither core dumps nor ptrace(2) by others */
	SANDBOX_LIMITS,	      /* setrlimit(2) */
	SANDBOX_LANDLOCK,
	SANDBOX_SECCOMP,
	SANDBOX_LAYERS,
};

/* What may be done with a path. */
enum sandbox_access {
	SANDBOX_READ,  /* files beneath a directory, or a file, are read */
	SANDBOX_STORE, /* files beneath a directory are made and changed */
};

/* What a session may use; 0 for no limit. */
struct sandbox_limits {
	uint64_t memory;    /* octets that can be written to */
	uint64_t file_size; /* octets */
};

struct sandbox {
	int error[SANDBOX_LAYERS]; /* 0: active; ENODATA: not entered; else
				    * why it cannot be */
	bool root;		   /* with its capabilities */
	int landlock;		   /* version of the kernel's, 0: none */
	int rules_fd;		   /* for sandbox_session(), or -1 */
};

/* Nothing entered yet. */
void sandbox_init(struct sandbox *sandbox);

/* Become user, and give up the capabilities to gain any; where we are not root
 * nothing happens. Returns NULL, or what is in the way: text. */
const char *sandbox_become(const char *user, char text[SANDBOX_TEXT_MAX + 1]);

/* The layers of the process; children inherit them. root: it insists on being
 * root, and keeps the capabilities over files. */
void sandbox_process(struct sandbox *sandbox, bool root);

/* Prepare Landlock: files are read and written beneath tree_fd (a directory,
 * O_PATH will do, or -1), libraries are read, nothing else is opened, nothing
 * is executed, no TCP port is bound or connected to. May be called again. */
void sandbox_tree(struct sandbox *sandbox, int tree_fd);

/* After sandbox_tree(): allow more. What is not there is not allowed later. */
void sandbox_allow(
    struct sandbox *sandbox, const char *path, enum sandbox_access access);

/* The layers of one session: Landlock as prepared, and limits; no process can
 * be started any more. Where these leave a session of the accept loop calls of
 * the loop, because Landlock is old or user = root, seccomp takes them. */
void sandbox_session(
    struct sandbox *sandbox, const struct sandbox_limits *limits);

/* Allow only the system calls that a session needs; with listener also those
 * of the accept loop around it, which hand it on to each session; with connects
 * also a connection to a local socket. What is not
 * allowed is not executed and raises SIGSYS; what is newer than the list is
 * answered with ENOSYS. The last layer: those above need more calls. */
void sandbox_calls(struct sandbox *sandbox, bool listener, bool connects);

bool sandbox_is_active(const struct sandbox *sandbox, enum sandbox_layer layer);

/* The name of a layer: "landlock". */
const char *sandbox_name(enum sandbox_layer layer);

/* What a layer does, or why it cannot: "active, version 7". */
void sandbox_describe(const struct sandbox *sandbox, enum sandbox_layer layer,
    char text[SANDBOX_TEXT_MAX + 1]);

#endif
