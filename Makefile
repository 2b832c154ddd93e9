# Isoctane. `make help` lists the targets. Flavours build into folders of their own: build/, build/sanitize, build/cover.
SHELL := /bin/bash
.DEFAULT_GOAL := all

VERSION  := 0.1.0
BUILD    ?= build
CC       ?= gcc
PREFIX   ?= /usr/local
PACKAGES := libcurl libcrypto libssl libcjson sqlite3 libmicrohttpd inih
PKG      := $(shell pkg-config --silence-errors --cflags $(PACKAGES) check)
LIBS      = $(shell pkg-config --libs $(PACKAGES)) -lpthread
CHECK     = $(shell pkg-config --libs check)

WARN   := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DISOCTANE_VERSION='"$(VERSION)"' -I. $(WARN) $(PKG) $(CFLAGS) -MMD -MP
Q := $(if $(V),,@)

FOLDERS  := metadata isotp secondary primary sim
PROGRAMS := isoctane-primary isoctane-secondary isoctane-repo isoctane-sim
MAINS    := primary/main.c secondary/main_posix.c sim/main_repo.c sim/main_sim.c
src       = $(filter-out $(MAINS),$(wildcard $(1)/*.c))
obj       = $(patsubst %.c,$(BUILD)/%.o,$(1))
libs      = $(patsubst %,$(BUILD)/lib%.a,$(1))
TESTS    := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c tests/powerloss_*.c))
FUZZERS  := $(patsubst tests/%.c,%,$(filter-out tests/fuzz_main.c,$(wildcard tests/fuzz_*.c)))
BENCHES  := $(patsubst tests/%.c,%,$(wildcard tests/bench_*.c))
TESTLIB  := $(call obj,$(wildcard tests/lib_*.c))

.SECONDARY:
.PHONY: all setup demo check check-built check-vcan sanitize cover fuzz lint format layers mcu bench install clean help

## Build the four programs (into build/)
all: $(patsubst %,$(BUILD)/%,$(PROGRAMS))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC  $<")
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

define folder_library
$(BUILD)/lib$(1).a: $(call obj,$(call src,$(1)))
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_library,$(f))))

$(BUILD)/isoctane-primary: $(call obj,primary/main.c) $(call libs,primary isotp metadata)
$(BUILD)/isoctane-secondary: $(call obj,secondary/main_posix.c) $(call libs,secondary isotp metadata)
$(BUILD)/isoctane-repo: $(call obj,sim/main_repo.c) $(call libs,sim primary secondary isotp metadata)
$(BUILD)/isoctane-sim: $(call obj,sim/main_sim.c) $(call libs,sim primary secondary isotp metadata)
$(patsubst %,$(BUILD)/%,$(PROGRAMS)):
	$(if $(V),,@echo "  LD  $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(LIBS)

$(BUILD)/tests/test_% $(BUILD)/tests/powerloss_% $(BUILD)/tests/bench_%: LINK = $(CHECK)
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(TESTLIB) $(call libs,sim primary secondary isotp metadata)
	$(if $(V),,@echo "  LD  $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter-out %/fuzz_main.o,$^) $(filter %/fuzz_main.o,$^) -Wl,--as-needed $(CHECK) $(LIBS)
$(patsubst %,$(BUILD)/tests/%,$(FUZZERS)): $(BUILD)/tests/fuzz_main.o

## Install what is missing (Debian: apt-get; elsewhere: print the list)
setup:
	@.ci/setup

## The whole vehicle: sets up, builds, updates five ECUs over CAN and runs two attacks
demo:
	@.ci/setup
	@$(MAKE) --no-print-directory all
	@$(BUILD)/isoctane-sim demo

## Set up, build, pass the tests
check:
	@.ci/setup
	@$(MAKE) --no-print-directory -j2 check-built

check-built: all $(patsubst %,$(BUILD)/tests/%,$(TESTS) $(FUZZERS))
	@BUILD=$(BUILD) tests/run $(TESTS) -- $(FUZZERS)

## One test program under AddressSanitizer and UndefinedBehaviorSanitizer: make sanitize-one T=test_json
SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
sanitize-one:
	@$(MAKE) --no-print-directory BUILD=build/sanitize CFLAGS="$(SANITIZE)" build/sanitize/tests/$(T)
	@build/sanitize/tests/$(T)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
