# What `make mutate` builds, below $(BUILD)/mutate: copies of the sources with all their mutants (tests/mutants.c), libraries
# that hold them, and the test programs linked to these.
MUTATED      := $(filter-out %_openssl.c %_bearssl.c metadata/err.c metadata/profile.c,$(wildcard metadata/*.c)) \
                $(wildcard secondary/agent_*.c) $(patsubst %,secondary/%.c,boot slot trusted store)
# Not those that take processes or libraries of their own, nor the long sweeps, which notice nothing that others miss.
MUTATE_NOT   := test_fetch test_display test_secondary test_program test_crypto_bearssl test_tuf_client test_serve test_vehicle \
                test_interop_vehicle test_cycle_bundles test_soak test_bitrot test_boot_reads powerloss_agent powerloss_bus \
                powerloss_resume powerloss_state
MUTATE_TESTS  = $(filter-out $(MUTATE_NOT),$(TESTS))
MUTATE_OWN   := $(patsubst tests/%.c,$(BUILD)/mutate/tests/%.o,$(shell grep -l '^.include ".*\.c"' tests/test_*.c))

$(BUILD)/mutate/mutants: $(BUILD)/tests/mutants $(MUTATED)
	@mkdir -p $(addprefix $(BUILD)/mutate/,metadata secondary primary tests)
	$(Q)$(BUILD)/tests/mutants $(BUILD)/mutate $(MUTATED)

MUTATE_CC = $(CC) -I$(BUILD)/mutate $(ALL_CFLAGS) -std=gnu11 -w -fsanitize=bounds-strict -fsanitize-undefined-trap-on-error -c
$(patsubst %.c,$(BUILD)/mutate/%.o,$(MUTATED)): %.o: $(BUILD)/mutate/mutants
	$(if $(V),,@echo "  CC  $*.c")
	$(Q)$(MUTATE_CC) -o $@ $*.c

define mutated_library
$(BUILD)/mutate/lib$(1).a: $(BUILD)/lib$(1).a $(patsubst %.c,$(BUILD)/mutate/%.o,$(filter $(1)/%,$(MUTATED)))
	@mkdir -p $$(@D)
	$(Q)cp $$< $$@ && $(if $(filter $(1)/%,$(MUTATED)),ar r $$@ $$(filter %.o,$$^),true)
endef
$(foreach f,metadata secondary primary,$(eval $(call mutated_library,$(f))))

# Tests that include a source file get its copy.
$(MUTATE_OWN): $(BUILD)/mutate/tests/%.o: tests/%.c $(BUILD)/mutate/mutants
	$(Q)$(MUTATE_CC) -o $@ $<

$(BUILD)/mutate/tests/%.o: $(BUILD)/tests/%.o
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(BUILD)/mutate/tests/%: $(BUILD)/mutate/tests/%.o $(BUILD)/tests/mutants_hook.o $(TESTLIB) $(BUILD)/libsim.a \
                         $(patsubst %,$(BUILD)/mutate/lib%.a,primary secondary) $(BUILD)/libisotp.a $(BUILD)/mutate/libmetadata.a
	$(if $(V),,@echo "  LD  $@")
	$(Q)$(CC) $(CFLAGS) -Wl,--wrap=_tcase_add_test -o $@ $^ -Wl,--as-needed $(CHECK) $(LIBS)

$(BUILD)/mutate/tests/%.felt: $(BUILD)/mutate/tests/% tests/mutate
	$(if $(V),,@echo "  run $<")
	$(Q)BUILD=$(BUILD) tests/mutate felt $<
