# SPDX-License-Identifier: ISC
VERSION = 0.1
CC = gcc
CFLAGS = -O2 -g
SANITIZE =
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

SMTPD = smtpd.o session.o check.o protocol.o store.o lib/address.o \
	lib/beneath.o lib/config.o lib/idn.o lib/log.o lib/mailbox.o \
	lib/peer.o lib/quota.o lib/title.o lib/trace.o
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
UNITS = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))
PARTS = $(filter-out smtpd.o,$(SMTPD))

$(BUILD)/unit/%: tests/unit/%.c tests/unit/unit.h $(PARTS)
	@mkdir -p $(@D)
	$(COMPILE) -MF $@.d -o $@ $< $(PARTS)

units: $(UNITS)
	@for unit in $(UNITS); do $$unit || exit 1; done

# Pure functions and pipes: under 10 seconds, no root, no network.
test: smtpd units
	bats tests/quick

clean:
	rm -rf smtpd *.[od] */*.[od] $(BUILD)

.PHONY: all units test clean
-include $(SMTPD:.o=.d)
