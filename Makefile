# Every target and every compiler flag. `make help` lists the targets.
BUILD   ?= build
CC      ?= gcc
VERSION := 0.1.0

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wformat=2 -Werror
OPT     ?= -O2 -g
CFLAGS  += -std=gnu17 $(WARN) $(OPT) -pthread -fno-math-errno -ffp-contract=off -I. -D_GNU_SOURCE \
           -DMLPD_VERSION='"$(VERSION)"' $(SANITIZE)
LDFLAGS += -pthread $(SANITIZE)
CORE_LIBS   := -lopenblas -lnettle -lm
SERVER_LIBS := -lmicrohttpd -lcjson -lsqlite3 $(CORE_LIBS)
CLIENT_LIBS := -lcurl -lcjson

CORE_SRC   := $(wildcard core/*/*.c)
SERVER_SRC := $(filter-out server/main.c,$(wildcard server/*.c server/*/*.c))
CLIENT_SRC := $(filter-out client/cli/main.c,$(wildcard client/lib/*.c client/cli/*.c))
SUPPORT_SRC := $(wildcard tests/api/support/*.c)
UNIT_TESTS    := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
NUMERIC_TESTS := $(patsubst tests/numeric/%.c,$(BUILD)/tests/numeric/%,$(wildcard tests/numeric/test_*.c))
API_TESTS     := $(patsubst tests/api/%.c,$(BUILD)/tests/api/%,$(wildcard tests/api/test_*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
CORE_OBJ   := $(call obj,$(CORE_SRC))
DOUBLE_OBJ := $(patsubst %.c,$(BUILD)/double/%.o,$(CORE_SRC))
SERVER_OBJ := $(call obj,$(SERVER_SRC)) $(BUILD)/obj/migrations.o
CLIENT_OBJ := $(call obj,$(CLIENT_SRC))

.PHONY: all deps demo check test lint asan tsan clean help
all: $(BUILD)/mlpd $(BUILD)/mlp $(BUILD)/libmlp.a

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

$(BUILD)/libmlp.a: $(CORE_OBJ)
	@rm -f $@ && ar rcs $@ $^
$(BUILD)/libmlp-double.a: $(DOUBLE_OBJ)
	@rm -f $@ && ar rcs $@ $^
$(BUILD)/mlpd: $(call obj,server/main.c) $(SERVER_OBJ) $(BUILD)/libmlp.a
	$(CC) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS)
$(BUILD)/mlp: $(call obj,client/cli/main.c) $(CLIENT_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(CLIENT_LIBS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<
$(BUILD)/double/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXTRA) -DMLP_REAL_DOUBLE -MMD -MP -c -o $@ $<
# The kernels are where the time goes.
$(BUILD)/obj/core/nn/%.o $(BUILD)/double/core/nn/%.o: EXTRA := -O3

# migrations/*.sql, embedded as one table of C strings
$(BUILD)/migrations.c: migrations/embed.sh $(wildcard migrations/*.sql)
	@mkdir -p $(@D)
	bash migrations/embed.sh migrations/*.sql > $@
$(BUILD)/obj/migrations.o: $(BUILD)/migrations.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(SERVER_OBJ) $(BUILD)/libmlp.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(SERVER_LIBS)
# a test of the core alone links the core alone: make build/tests/core/test_csv
$(BUILD)/tests/core/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libmlp.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CORE_LIBS)
$(BUILD)/tests/numeric/%: $(BUILD)/double/tests/numeric/%.o $(BUILD)/libmlp-double.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CORE_LIBS)
$(BUILD)/tests/api/%: $(BUILD)/obj/tests/api/%.o $(call obj,$(SUPPORT_SRC))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lcurl -lcjson -lm

tests: all $(UNIT_TESTS) $(NUMERIC_TESTS) $(API_TESTS)

clean: ## removes build/
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.SECONDARY:
