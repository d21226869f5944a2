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

$(BUILD)/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(PARTS)
	@mkdir -p $(@D)
	$(COMPILE) -MF $@.d -o $@ $< $(PARTS)

units: $(UNITS)
	@for unit in $(UNITS); do $$unit || exit 1; done

# Pure functions and pipes: under 10 seconds, no root, no network.
test: smtpd units
	bats tests/quick

# --- fuzzing: the language, addresses, alias files, settings ---
# make fuzz [SECONDS=60]: each target for that time; what it finds stays in
# $(BUILD)/fuzz. make replay: the corpora once, no longer than a second each.
SECONDS = 60
FUZZ = session address alias config
FUZZERS = $(FUZZ:%=$(BUILD)/fuzz/%)
FUZZ_CC = clang -std=c17 -D_GNU_SOURCE $(CPPFLAGS) -g -O1 -I. \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_PARTS = protocol.c lib/address.c lib/beneath.c lib/config.c lib/idn.c \
	lib/mailbox.c lib/quota.c

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

clean:
	rm -rf smtpd *.[od] */*.[od] $(BUILD)

.PHONY: all units test clean
-include $(SMTPD:.o=.d)
