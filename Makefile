# SPDX-License-Identifier: ISC
VERSION = 0.1
CC = gcc
CFLAGS = -O2 -g
SANITIZE =
# none: a build without OpenSSL; without GNU SASL, in which nobody can log in
TLS = openssl
AUTH = gsasl
PREFIX = /usr/local
sysconfdir = /etc
localstatedir = /var

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wformat=2 -Werror
HARDENING = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE \
	-fstack-clash-protection
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE $(CPPFLAGS) $(CFLAGS) $(WARNINGS) \
	$(HARDENING) $(SANITIZE) -I. -MMD -MP
LINK = $(CC) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(CFLAGS) $(SANITIZE)

SMTPD = smtpd.o service.o confine.o serve.o session.o submission.o check.o \
	protocol.o body.o parameter.o store.o \
	lib/address.o lib/beneath.o lib/calls.o lib/complete.o lib/config.o \
	lib/idn.o lib/listen.o lib/log.o lib/mailbox.o lib/network.o \
	lib/peer.o lib/quota.o lib/rate.o lib/sandbox.o lib/sender.o \
	lib/systemd.o lib/title.o lib/trace.o $(TLS_$(TLS)) $(AUTH_$(AUTH))
TLS_openssl = lib/tls.o lib/tls-check.o lib/certificate.o lib/openssl.o \
	lib/pem.o lib/ticket.o
TLS_none = lib/tls-none.o
AUTH_gsasl = lib/auth.o lib/auth-check.o lib/base64.o lib/dovecot.o lib/hash.o \
	lib/passwords.o lib/prompt.o lib/sasl.o lib/users.o
AUTH_none = lib/auth-none.o
DIRS = -DSYSCONFDIR='"$(sysconfdir)"' -DLOCALSTATEDIR='"$(localstatedir)"'

all: smtpd

smtpd: $(SMTPD)
	$(LINK) -o $@ $(SMTPD)

lib/config.o: CPPFLAGS += $(DIRS)
smtpd.o: CPPFLAGS += -DVERSION='"$(VERSION)"'

.c.o:
	$(COMPILE) -c -o $@ $<

# --- tests: pure functions by table, then whatever bats finds ---
BUILD = build
NO_UNITS = $(NO_UNITS_TLS_$(TLS)) $(NO_UNITS_AUTH_$(AUTH))
NO_UNITS_TLS_none = tests/unit/tls.c
NO_UNITS_AUTH_none = $(addprefix tests/unit/,auth.c dovecot.c passwords.c)
UNITS = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,\
	$(filter-out $(NO_UNITS),$(wildcard tests/unit/*.c)))
PARTS = $(filter-out smtpd.o,$(SMTPD))

$(BUILD)/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(PARTS)
	@mkdir -p $(@D)
	$(COMPILE) -MF $@.d -o $@ $< $(PARTS) $(LIBRARIES)

# OpenSSL is linked for its client alone.
$(BUILD)/unit/tls: LIBRARIES = -lssl -lcrypto
$(BUILD)/unit/tls-none: lib/tls-none.o
$(BUILD)/unit/tls-none: PARTS := lib/tls-none.o
# A client to talk with; and, as smtpd, no late binding, which leaves copies of
# registers on the stack.
$(BUILD)/unit/auth: LIBRARIES = -lgsasl -Wl,-z,now

# It includes the source itself, to read the filters.
$(BUILD)/unit/calls: PARTS := $(filter-out lib/calls.o,$(PARTS))

unit-programs: $(UNITS)
units: unit-programs
	@for unit in $(UNITS); do $$unit || exit 1; done

# Pure functions and pipes: under 10 seconds, no root, no network.
# Two files at a time, and what each says in one piece.
test: smtpd units
	@ls tests/quick/*.bats | xargs -P 2 -I FILE sh -c \
	    'said=$$(bats FILE 2>&1); code=$$?; echo "$$said"; exit $$code'

# Everything: installs the Debian packages it needs; some of it wants root.
check:
	@tests/setup
	@MAKE='$(MAKE)' tests/check

# A server to try, on 127.0.0.1:2525, that takes any mail into ./mail.
run:
	@tests/setup gcc libc6-dev libgsasl-dev libidn2-dev libssl-dev systemd
	@$(MAKE) --no-print-directory smtpd
	@tests/run

# --- installation: in each file the usual paths become those chosen here ---
SBIN = $(DESTDIR)$(PREFIX)/sbin
LIB = $(DESTDIR)$(PREFIX)/lib
SHARE = $(DESTDIR)$(PREFIX)/share
CONF = $(DESTDIR)$(sysconfdir)/smtpd/smtpd.conf
SOCKETS = smtpd submission submissions submission-local
SYSTEM = $(LIB)/systemd/system
TEXTS = $(SOCKETS:%=$(SYSTEM)/%.socket) $(SOCKETS:%=$(SYSTEM)/%@.service) \
	$(SYSTEM)/smtpd.service \
	$(LIB)/systemd/catalog/smtpd.catalog \
	$(LIB)/sysusers.d/smtpd.conf $(LIB)/tmpfiles.d/smtpd.conf \
	$(SHARE)/doc/smtpd/smtpd.xinetd \
	$(SHARE)/doc/smtpd/accept-loop.conf \
	$(LIB)/smtpd/first-certificate \
	$(SHARE)/doc/smtpd/credentials.conf \
	$(SHARE)/doc/smtpd/smtpd.fail2ban \
	$(patsubst man/%,$(SHARE)/man/man8/%,$(wildcard man/*.8)) \
	$(patsubst man/%,$(SHARE)/man/man5/%,$(wildcard man/*.5))
PATHS = 's,/usr/local,$(PREFIX),g; s,/var/lib,$(localstatedir)/lib,g; \
	s,/etc/smtpd,$(sysconfdir)/smtpd,g'
INSTALL = install -D -m 644
# On this machine new settings begin with a certificate, where openssl(1) can
# make one. A package does so where it is installed.
ENCRYPT = test -n "$(DESTDIR)" || ! command -v openssl >/dev/null || { \
	$(LIB)/smtpd/first-certificate $(sysconfdir)/smtpd/certificates && \
	sed -i 's/^\#certificates =/certificates =/' $(CONF); } || :

install: smtpd
	install -D -t $(SBIN) smtpd
	$(INSTALL) -t $(SYSTEM) $(SOCKETS:%=systemd/%.socket) \
		systemd/smtpd.service systemd/smtpd@.service
	for name in $(filter-out smtpd,$(SOCKETS)); do \
		sed 's,^ExecStart=.*,& --profile=%j,' systemd/smtpd@.service \
			>$(SYSTEM)/$$name@.service || exit 1; \
		chmod 644 $(SYSTEM)/$$name@.service || exit 1; \
	done
	$(INSTALL) -t $(LIB)/systemd/catalog systemd/smtpd.catalog
	$(INSTALL) systemd/smtpd.sysusers $(LIB)/sysusers.d/smtpd.conf
	$(INSTALL) systemd/smtpd.tmpfiles $(LIB)/tmpfiles.d/smtpd.conf
	$(INSTALL) -t $(SHARE)/doc/smtpd systemd/smtpd.xinetd \
		systemd/accept-loop.conf systemd/credentials.conf \
		systemd/smtpd.fail2ban
	install -D -t $(LIB)/smtpd systemd/first-certificate
	for page in $(wildcard man/*.[58]); do \
		$(INSTALL) -t $(SHARE)/man/man$${page##*.} $$page || exit 1; \
	done
	sed -i $(PATHS) $(TEXTS)
	test -e $(CONF) || { $(INSTALL) systemd/smtpd.conf $(CONF) && \
		sed -i $(PATHS) $(CONF); $(ENCRYPT); }

# Mail, settings and the user stay.
uninstall:
	rm -f $(SBIN)/smtpd $(TEXTS)

# --- fuzzing: what is parsed ---
# make fuzz [SECONDS=60]: each target for that time; what it finds stays in
# $(BUILD)/fuzz. make replay: the corpora once, no longer than a second each.
SECONDS = 60
FUZZ = session address alias config complete network passwords auth dovecot
FUZZERS = $(FUZZ:%=$(BUILD)/fuzz/%)
FUZZ_CC = clang -std=c17 -D_GNU_SOURCE $(CPPFLAGS) -g -O1 -I. \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_PARTS = protocol.c body.c parameter.c lib/address.c lib/auth.c \
	lib/base64.c lib/beneath.c lib/complete.c lib/config.c lib/dovecot.c \
	lib/hash.c lib/idn.c lib/mailbox.c lib/network.c lib/passwords.c \
	lib/quota.c lib/sasl.c lib/users.c

$(BUILD)/fuzz/%: fuzz/%.c tests/unit/drive.h $(FUZZ_PARTS) $(wildcard *.h lib/*.h)
	@mkdir -p $(@D)
	$(FUZZ_CC) -o $@ $< $(FUZZ_PARTS)

fuzz: $(FUZZERS)
	@for target in $(FUZZ); do \
		mkdir -p $(BUILD)/fuzz/finds.$$target; \
		echo "$$target: $(SECONDS) seconds"; \
		$(BUILD)/fuzz/$$target -max_total_time=$(SECONDS) \
		    -dict=fuzz/$$target.dict -print_final_stats=1 \
		    -timeout=10 -max_len=4096 \
		    -artifact_prefix=$(BUILD)/fuzz/$$target- \
		    $(BUILD)/fuzz/finds.$$target fuzz/corpus/$$target \
		    2>$(BUILD)/fuzz/$$target.log || \
		    { tail -40 $(BUILD)/fuzz/$$target.log; exit 1; }; \
		grep -e number_of_executed -e 'cov:' \
		    $(BUILD)/fuzz/$$target.log | tail -2; \
	done

replay: $(FUZZERS)
	@for target in $(FUZZ); do \
		$(BUILD)/fuzz/$$target -runs=0 fuzz/corpus/$$target \
		    2>$(BUILD)/fuzz/$$target.log || \
		    { tail -40 $(BUILD)/fuzz/$$target.log; exit 1; }; \
		echo "fuzz/$$target: $$(ls fuzz/corpus/$$target | wc -l)" \
		    "inputs replayed"; \
	done

.PHONY: fuzz replay

# --- how fast: bench/run --help tells more ---
# make bench [PEERS="postfix mailfront"] [BENCH="--quick"]
PEERS =
BENCH =
BENCHES = $(BUILD)/bench/client $(BUILD)/bench/limit

$(BENCHES): $(BUILD)/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(COMPILE) -MF $@.d -o $@ $< $(LIBRARIES)

# It has to speak TLS, whatever smtpd was built for.
$(BUILD)/bench/client: LIBRARIES = -lssl -lcrypto

bench-programs: $(BENCHES)
bench: smtpd bench-programs
	@bench/run --peers='$(PEERS)' $(BENCH)

.PHONY: bench bench-programs

clean:
	rm -rf smtpd *.[od] */*.[od] $(BUILD)

.PHONY: all unit-programs units test check run install uninstall clean
-include $(SMTPD:.o=.d)
