# Isoctane. `make help` lists the targets. Flavours build into folders of their own: build/, build/sanitize, build/cover.
SHELL := /bin/bash
.DEFAULT_GOAL := all

VERSION  := 0.1.0
BUILD    ?= build
CC       ?= gcc
PREFIX   ?= /usr/local
PACKAGES := libcurl libcrypto libssl libcjson sqlite3 libmicrohttpd gnutls inih
PKG      := $(shell pkg-config --silence-errors --cflags $(PACKAGES) check 2>/dev/null)
LIBS      = $(shell pkg-config --libs $(PACKAGES)) -lpthread
CHECK     = $(shell pkg-config --libs check)

WARN   := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DISOCTANE_VERSION='"$(VERSION)"' -I. $(WARN) $(PKG) $(CFLAGS) -MMD -MP
Q := $(if $(V),,@)

FOLDERS  := metadata isotp secondary primary sim
PROGRAMS := isoctane-primary isoctane-secondary isoctane-boot isoctane-repo isoctane-sim isoctane-tuf
MAINS    := primary/main.c secondary/main_posix.c secondary/main_boot_posix.c sim/main_repo.c sim/main_sim.c primary/main_tuf.c
src       = $(filter-out $(MAINS) metadata/crypto_bearssl.c,$(wildcard $(1)/*.c))
obj       = $(patsubst %.c,$(BUILD)/%.o,$(1))
libs      = $(patsubst %,$(BUILD)/lib%.a,$(1))
TESTS    := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c tests/powerloss_*.c))
SCRIPTS  := $(patsubst tests/%,%,$(wildcard tests/interop_*.sh))
FUZZERS  := $(patsubst tests/%.c,%,$(filter-out tests/fuzz_main.c,$(wildcard tests/fuzz_*.c)))
BENCHES  := $(patsubst tests/%.c,%,$(wildcard tests/bench_*.c))
TESTLIB  := $(call obj,$(wildcard tests/lib_*.c))

include tests/mutate.mk

.SECONDARY:
.PHONY: all setup demo mcu-demo mcu-images check check-built check-vcan check-kernel check-killed check-orders check-thorough sanitize sanitize-one cover fuzz lint format layers mcu conformance check-docs bench mutate install clean help check-vectors vectors

## Build the programs (into build/)
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
$(BUILD)/isoctane-boot: $(call obj,secondary/main_boot_posix.c) $(call libs,secondary isotp metadata)
$(BUILD)/isoctane-repo: $(call obj,sim/main_repo.c) $(call libs,sim primary secondary isotp metadata)
$(BUILD)/isoctane-sim: $(call obj,sim/main_sim.c) $(call libs,sim primary secondary isotp metadata)
$(BUILD)/isoctane-tuf: $(call obj,primary/main_tuf.c) $(call libs,primary metadata)
$(patsubst %,$(BUILD)/%,$(PROGRAMS)):
	$(if $(V),,@echo "  LD  $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(TESTLIB) $(call libs,sim primary secondary isotp metadata)
	$(if $(V),,@echo "  LD  $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(CHECK) $(LIBS)
$(patsubst %,$(BUILD)/tests/%,$(FUZZERS)): $(BUILD)/tests/fuzz_main.o
$(BUILD)/tests/test_boot_reads: override LDFLAGS += -Wl,--wrap=up_hash_add
$(BUILD)/tests/bench_verify: override LDFLAGS += -Wl,--wrap=up_verify,--wrap=up_verify_digest,--wrap=up_sha256 \
    -Wl,--wrap=up_hash_begin,--wrap=up_hash_add,--wrap=up_hash_end

# The cryptography of microcontrollers is no part of the programs of this host.
$(BUILD)/tests/test_crypto_bearssl: LIBS += -lbearssl
$(BUILD)/tests/test_program: | $(BUILD)/isoctane-primary
$(BUILD)/tests/test_tuf_client: | $(BUILD)/isoctane-tuf

## Install what is missing (Debian: apt-get; elsewhere: print the list)
setup:
	@.ci/setup

## The whole vehicle: sets up, builds, updates five ECUs over CAN and runs two attacks
demo:
	@.ci/setup
	@$(MAKE) --no-print-directory all
	@$(BUILD)/isoctane-sim demo

## The Secondary as firmware of a Cortex-M4 in QEMU: sets up, builds, updates it over CAN, cuts its power, prints sizes
mcu-demo:
	@.ci/setup mcu
	@$(MAKE) --no-print-directory all mcu-images
	@BUILD=$(BUILD) secondary/mps2/demo
	@BUILD=$(BUILD) VERIFICATION=full secondary/mps2/demo $(BUILD)/mcu-demo-full
	@BUILD=$(BUILD) secondary/mps2/sizes

mcu-images: $(call libs,secondary isotp metadata)
	@$(MAKE) --no-print-directory -f secondary/mps2/Makefile BUILD=$(BUILD)

## Set up, build, pass the tests
check:
	@.ci/setup
	@$(MAKE) --no-print-directory -j2 check-built

check-built: all $(patsubst %,$(BUILD)/tests/%,$(TESTS) $(FUZZERS))
	@tests/conformance
	@BUILD=$(BUILD) tests/run $(TESTS) $(SCRIPTS) -- $(FUZZERS)

## Every attack vector in every algorithm and dialect against all three clients (make check runs a part)
check-vectors: $(BUILD)/tests/test_vectors
	@VECTORS=all $(BUILD)/tests/test_vectors

## Write tests/vectors/ anew from the table in sim/evil_*.c
vectors: $(BUILD)/isoctane-repo
	@find tests/vectors -mindepth 1 -maxdepth 1 -type d -exec rm -r {} +
	@$(BUILD)/isoctane-repo evil make --pairs --links tests/vectors

## Every test and corpus under AddressSanitizer and UndefinedBehaviorSanitizer
sanitize:
	@$(MAKE) --no-print-directory -j2 BUILD=build/sanitize CFLAGS="$(SANITIZE)" check-built

## One test program under the sanitizers: make sanitize-one T=test_json
SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
sanitize-one:
	@$(MAKE) --no-print-directory BUILD=build/sanitize CFLAGS="$(SANITIZE)" build/sanitize/tests/$(T)
	@build/sanitize/tests/$(T)

ON_VCAN := test_link test_isotp_receive test_isotp_send
## The links, the ISO-TP cases and the whole demo vehicle on a real vcan (in User Mode Linux where the kernel has no CAN)
check-vcan: all $(patsubst %,$(BUILD)/tests/%,$(ON_VCAN))
	@tests/vcan.sh sh -ec 'for t; do $(BUILD)/tests/$$t; done' sh $(ON_VCAN) || [ $$? = 77 -a -z "$$ISOCTANE_CI" ]
	@BUILD=$(BUILD) tests/vcan.sh tests/interop_scapy.sh || [ $$? = 77 -a -z "$$ISOCTANE_CI" ]
	@BUILD=$(BUILD) tests/vcan.sh tests/interop_bench.sh || [ $$? = 77 -a -z "$$ISOCTANE_CI" ]
	@VCAN_SECONDS=300 tests/vcan.sh $(BUILD)/isoctane-sim demo --dir $(BUILD)/demo-vcan || [ $$? = 77 -a -z "$$ISOCTANE_CI" ]

$(BUILD)/tests/killpoint.so: tests/killpoint.c
	$(Q)$(CC) $(ALL_CFLAGS) -MF $@.d -shared -fPIC -o $@ $<

## Kill a Secondary and the Primary at every write of an update (EVERY=N: at each Nth); the next cycle must finish it
EVERY ?= 1
check-killed: all $(BUILD)/tests/killpoint.so
	@BUILD=$(BUILD) tests/killed.sh $(EVERY)

ORDERS := powerloss_agent powerloss_store powerloss_resume test_slot test_boot test_bundle test_agent_image test_agent_chain
## Write, erase, promise and tell in the wrong order, one change of the source each: the sweeps must notice
check-orders: $(patsubst %,$(BUILD)/tests/%,$(ORDERS))
	@BUILD=$(BUILD) CC='$(CC)' ORDERS_CFLAGS='$(filter-out -MMD -MP,$(ALL_CFLAGS))' ORDERS_LIBS='$(CHECK) $(LIBS)' tests/orders

## The sweeps of `make check` that take samples there, whole: every bit of flash, every byte boundary of a program
THOROUGH := powerloss_agent:bytes powerloss_agent:operations powerloss_agent:rows powerloss_bus test_bitrot test_soak
check-thorough: $(patsubst %,$(BUILD)/tests/%,$(filter-out %:operations %:rows,$(THOROUGH:%:bytes=%)))
	@printf '%s\n' $(THOROUGH) | ISOCTANE_THOROUGH=1 xargs -P 2 -I NAME bash -c \
		't=NAME; export CK_RUN_CASE=$${t#*:}; [ $$t != $${t%:*} ] || unset CK_RUN_CASE; $(BUILD)/tests/$${t%:*}'

## Our ISO-TP against the one in Linux (can-isotp), under Debian's kernel in QEMU
check-kernel: all $(BUILD)/tests/kernel_isotp
	@tests/kernel.sh $(BUILD)/tests/kernel_isotp || [ $$? = 77 -a -z "$$ISOCTANE_CI" ]
	@BUILD=$(BUILD) tests/kernel.sh tests/interop_bench.sh || [ $$? = 77 -a -z "$$ISOCTANE_CI" ]

## Line coverage of metadata/, isotp/, secondary/ (at least 90 %)
cover:
	@$(MAKE) --no-print-directory -j2 BUILD=build/cover CFLAGS="-O0 -g --coverage" LDFLAGS=--coverage check-built
	@gcovr -r . build/cover --filter '(metadata|isotp|secondary|primary)/' --exclude '.*/main.*' --print-summary | tail -n +6
	@gcovr -r . build/cover --filter '(metadata|isotp|secondary)/' --exclude '.*/main.*' --fail-under-line 90 >/dev/null

## Fuzz every entry with libFuzzer: make fuzz SECONDS_EACH=60 (needs clang)
SECONDS_EACH ?= 60
fuzz:
	@SECONDS_EACH=$(SECONDS_EACH) tests/fuzz $(FUZZERS)

## Include directions, and that core code uses no library
layers:
	@tests/layers

## The core is freestanding: compiled for a Cortex-M0 with clang, no symbol but mem*, strlen and the ports; sizes
mcu: $(call libs,secondary isotp metadata)
	@BUILD=$(BUILD) tests/mcu
	@if command -v arm-none-eabi-gcc >/dev/null; then \
	    $(MAKE) --no-print-directory mcu-images && BUILD=$(BUILD) secondary/mps2/sizes; \
	else echo "mcu: no arm-none-eabi-gcc: linked images are not measured (make mcu-demo installs it)"; [ -z "$$ISOCTANE_CI" ]; fi

## docs/conformance.md against functions and tests
conformance:
	@tests/conformance
	@tests/matrix

## The commands of the tutorial and the guides, as they stand there; man pages against the programs
check-docs: all
	@BUILD=$(BUILD) tests/manual
	@BUILD=$(BUILD) tests/docs docs/tutorial.md
	@BUILD=$(BUILD) tests/docs docs/howto-repository.md docs/howto-vehicle.md docs/howto-attack.md

## Warnings as errors, format, static analysis, shell scripts
lint:
	@$(MAKE) --no-print-directory -j2 BUILD=build/lint CFLAGS="-O2 -Werror" all $(patsubst %,build/lint/tests/%,$(TESTS))
	@tests/lint

## Break the core, one place at a time, and see which test notices: make mutate [SAMPLE=200] [FILES=metadata/trust.c]
mutate: $(BUILD)/mutate/mutants $(patsubst %,$(BUILD)/mutate/tests/%.felt,$(MUTATE_TESTS))
	@BUILD=$(BUILD) SAMPLE=$(SAMPLE) tests/mutate run $(FILES)

## Speed and memory, beside a peer or the physical limit
bench: all $(patsubst %,$(BUILD)/tests/%,$(BENCHES))
	@BUILD=$(BUILD) tests/bench $(BENCHES)

## Programs and man pages, below $(DESTDIR)$(PREFIX)
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 755 $(patsubst %,$(BUILD)/%,$(PROGRAMS)) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(wildcard docs/man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(wildcard docs/man/*.5) $(DESTDIR)$(PREFIX)/share/man/man5

format:
	@clang-format -i $(wildcard $(addsuffix /*.[ch],$(FOLDERS) secondary/mps2 tests))

clean:
	rm -rf build demo

## This list
help:
	@awk '/^## /{h=substr($$0,4)} /^[a-z-]+:/{if(h!=""){split($$1,t,":");printf "  %-14s %s\n",t[1],h}h=""}' Makefile

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
