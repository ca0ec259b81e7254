# What people run. No activated environment is needed: everything lives in $(VENV), made on first use.
#
#   make demo       everything on this machine: store, demo site, adapter; answers a request, stays up
#   make demo-once  the same, then stops
#   make test       installs, then format, lint, types, import contracts, tests, coverage: what CI runs
#   make check      the same without the install step

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(name))))
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --no-input --disable-pip-version-check

# Percent of lines and branches, and what counts as the core (all else of the package is the shell).
CORE_COVERAGE ?= 100
SHELL_COVERAGE ?= 90
CORE := mix2api/vocabulary.py,mix2api/errors.py,mix2api/redaction.py,mix2api/events/*,mix2api/wire/*,mix2api/tools/*,mix2api/sessions/*,mix2api/budget/*,mix2api/projections/*,mix2api/accounts/*,mix2api/conversations/*,mix2api/release/*

SOURCES := mix2api tests bench
comma := ,
PYTEST_ARGS ?= -q

# Stamps: an environment is as old as its installation, and pyproject.toml decides whether that is current.
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev

# Tests start some hundred processes. Without kept bytecode each of them would compile the package first, for 4 s.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
MORE := format lint types contracts tests coverage docs released bench bench-against bench-sessions watchers soak damage conversations truth chaos crashes shares takeover held sdk \
	properties simulate side-by-side release-drill memory packs-mutations budgets bridge scrape clients comply servers console-demo console-browser clean
.PHONY: help demo demo-once test check tests-measured tests-systems tests-processes $(MORE)

help:
	@sed -n '3,6s/^# *//p' Makefile
	@echo 'more: $(MORE)'

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'mix2api needs Python 3.11 or newer: none found; make PYTHON=/path/to/python3 ...' >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }

$(RUN_STAMP): pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable '.[embedded]'
	@touch $@

$(DEV_STAMP): pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable '.[embedded,dev]'
	@touch $(RUN_STAMP) $@

demo: $(RUN_STAMP)
	$(BIN)/mix2api demo

demo-once: $(RUN_STAMP)
	$(BIN)/mix2api demo --once

test: $(DEV_STAMP)
	$(MAKE) --no-print-directory check

# Lint first: it answers within seconds. Types and contracts run beside the tests, and what each target says stays together (ADR 95).
check:
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory --jobs=4 --output-sync=target tests-measured tests-systems tests-processes types contracts
	$(MAKE) --no-print-directory coverage

format:
	$(BIN)/ruff format $(SOURCES)

lint:
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

types:
	$(BIN)/mypy

contracts:
	$(BIN)/lint-imports

# Three lanes side by side: what is measured, and whole systems and processes, which tracing makes twice as slow. Those wait
# much, for processes and for time, so two cores are not too few. Folders that need real minutes have their own targets.
SYSTEMS := tests/system
PROCESSES := tests/processes tests/invariant tests/simulation tests/crashes
# Much work over few lines, which other tests reach as well, but for two parts of the shell (ADR 95): tracing would make it two to
# six times as dear.
UNTRACED := tests/linear tests/tools/test_corpus_cuts.py tests/sessions/test_laws.py tests/upstreams/credentials/test_single_flight.py \
	tests/process/test_every_setting.py tests/process/test_watchdog.py tests/store/test_damage.py tests/store/test_open_runs.py \
	tests/cli/test_gate.py tests/actors/test_site_bounds.py tests/actors/test_budget_conversations.py tests/release/test_simulation_over_days.py \
	tests/release/test_guard_over_traffic.py tests/budget/test_windows_over_long_texts.py tests/test_planted_secrets.py tests/test_log_line.py \
	tests/packs/test_running.py tests/metrics/test_exposition.py tests/clients_patterns tests/upstreams/mix/test_recordings.py
# Single tests of the same kind (ADR 112); `make` fails if one has another name by now. They run beside the systems, because the
# three lanes are to take the same time.
UNTRACED_TESTS := \
	tests/accounts/test_choice.py::test_one_round_chooses_each_as_often_as_its_weight \
	tests/accounts/test_hints.py::test_no_headers_fail_and_no_hint_is_out_of_bounds \
	tests/actors/test_admission.py::test_whatever_comes_and_goes_slots_and_queue_keep_their_bounds_and_count_right \
	tests/budget/test_answer_text.py::test_the_parts_have_the_tokens_of_the_whole \
	tests/budget/test_encodings.py::test_an_encoding_is_the_one_that_tiktoken_would_fetch \
	tests/budget/test_planning.py::test_what_goes_up_is_within_the_budget_and_has_all_that_must_stay \
	tests/budget/test_profile_reading.py::test_no_mapping_is_too_strange \
	tests/budget/test_tokenizers.py::test_spaces_of_every_kind_between_anything_are_counted_as_tiktoken_counts_them \
	tests/budget/test_trimming.py::test_every_message_stays_in_its_place_or_has_a_reason \
	tests/budget/test_trimming.py::test_trimming_is_deterministic_and_leaves_the_headroom \
	tests/budget/test_trimming.py::test_what_must_stay_stays_and_calls_keep_their_results \
	tests/cli/test_release_record.py::test_the_answers_of_this_build_are_those_of_the_last_release \
	tests/cli/test_release_simulate.py::test_json_has_an_object_for_each_row_and_for_the_days_without_a_regression \
	tests/demo/test_chats.py::test_three_hundred_streams_at_once_get_their_answers \
	tests/edge/test_connection.py::test_a_client_that_never_reads_small_answers_is_let_go_too \
	tests/edge/test_rendering.py::test_a_stream_put_together_is_the_whole_answer \
	tests/edge/test_rendering.py::test_every_stream_has_exactly_one_role_and_it_comes_first \
	tests/logs/test_logfmt.py::test_any_fields_give_one_line_whose_values_can_be_read_again \
	tests/release/test_refusals.py::test_a_canary_that_refuses_a_sixth_is_found_within_six_minutes \
	tests/release/test_refusals.py::test_what_hits_both_and_what_passes_is_no_reason \
	tests/release/test_sequential.py::test_a_large_block_costs_no_precision \
	tests/sessions/test_canonical.py::test_a_history_that_comes_back_in_any_form_has_the_same_digest \
	tests/settings/test_dotenv.py::test_single_quotes_keep_everything \
	tests/store/test_accounts.py::test_ten_thousand_keys_spread_by_weight_exactly_and_come_back_to_their_accounts \
	tests/test_http_body.py::test_many_chunks_of_one_read_give_what_they_give_apart \
	tests/test_redaction.py::test_a_secret_is_masked_wherever_it_stands \
	tests/tools/test_instruction.py::test_what_is_written_is_what_is_read_again \
	tests/tools/text/test_recognition.py::test_calls_in_a_code_block_behind_prose_are_read_again \
	tests/tools/text/test_recognition.py::test_calls_that_are_written_are_read_again \
	tests/tools/text/test_recognition.py::test_calls_that_the_product_writes_down_for_the_site_are_read_again \
	tests/tools/text/test_recognition.py::test_thought_that_is_to_stay_in_the_text_stays_to_the_letter \
	tests/tools/text/test_strict_json.py::test_strict_json_stays_as_it_is \
	tests/upstreams/credentials/test_grant.py::test_whatever_comes_is_a_grant_in_the_future_or_malformed
APART := tests/soak tests/truth tests/mutations tests/bridge tests/browser tests/scrape

tests:
	$(MAKE) --no-print-directory --jobs=3 --output-sync=target tests-measured tests-systems tests-processes

tests-measured:
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS) $(addprefix --ignore=,$(SYSTEMS) $(PROCESSES) $(UNTRACED) $(APART)) \
	  $(addprefix --deselect=,$(UNTRACED_TESTS))
	$(BIN)/coverage combine --quiet

tests-systems:
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(UNTRACED_TESTS) $(SYSTEMS)

tests-processes:
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(UNTRACED) $(PROCESSES)

coverage:
	$(BIN)/coverage report --include='$(CORE)' --fail-under=$(CORE_COVERAGE)
	$(BIN)/coverage report --omit='$(CORE)' --fail-under=$(SHELL_COVERAGE)

# A test says when this is needed.
docs: $(DEV_STAMP)
	$(BIN)/mix2api settings --docs > docs/settings.md.new
	mv docs/settings.md.new docs/settings.md
	$(BIN)/mix2api openapi | PYTHONPATH=tests $(BIN)/python -m openapi.kept
	$(BIN)/python -m mix2api.sessions.diagram > docs/session.md.new
	mv docs/session.md.new docs/session.md
	$(BIN)/python -m mix2api.conversations.diagram > docs/conversation-stages.md.new
	mv docs/conversation-stages.md.new docs/conversation-stages.md
	$(BIN)/python -c 'import pathlib, re; from mix2api.wire.request_fields import request_fields_table as table; \
	  path = pathlib.Path("README.md"); \
	  path.write_text(re.sub(r"(?s)(<!-- request-fields -->).*(<!-- /request-fields -->)", \
	    lambda found: found[1] + "\n\n" + table().strip() + "\n\n" + found[2], path.read_text()))'

# When a version is released: the document that later versions may not break.
released: $(RUN_STAMP)
	$(BIN)/mix2api openapi > mix2api/openapi/released.json.new
	mv mix2api/openapi/released.json.new mix2api/openapi/released.json
	$(BIN)/mix2api release record --packs --out mix2api/packs/recorded_logs.jsonl.new
	mv mix2api/packs/recorded_logs.jsonl.new mix2api/packs/recorded_logs.jsonl
	$(BIN)/mix2api release record --answers --out mix2api/packs/recorded_answers.jsonl.new
	mv mix2api/packs/recorded_answers.jsonl.new mix2api/packs/recorded_answers.jsonl

bench: $(DEV_STAMP)
	$(BIN)/python bench/run.py

# The work tree against a commit, both measured in one run; fails if a row is worse.
bench-against: $(DEV_STAMP)
	@test -n '$(COMMIT)' || { echo 'which commit? make bench-against COMMIT=...' >&2; exit 2; }
	$(BIN)/python bench/run.py --against '$(COMMIT)'

bench-sessions: $(DEV_STAMP)
	$(BIN)/python bench/sessions.py

# Whether 50 people who watch the console slow streams down: 8 pairs, some 2 minutes on a quiet machine. WATCHERS_PAIRS=2 for fewer.
watchers: $(DEV_STAMP)
	$(BIN)/python bench/watchers.py --pairs $(or $(WATCHERS_PAIRS),8)

# Each takes minutes; the target's name is the marker of its tests.
soak damage: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m $@ tests/soak

# Some 15 minutes on two quiet cores: TRUTH_RUNS, TRUTH_SEED and TRUTH_CLIENTS change what is done.
truth: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -s -m truth tests/truth

# The demo site, the adapter, load with faults, and the console over it; the first line printed has the address, the token
# of an operator, and the API key of a user with conversations.
console-demo: $(DEV_STAMP)
	PYTHONPATH=tests $(BIN)/python -m browser.showing

# The console in a real Chromium, with axe on every page. Installs Playwright, and Debian's Chromium where there is none. Pictures
# of every page are left in console-shots/.
console-browser: $(DEV_STAMP)
	$(PIP) install --quiet --editable '.[browser]'
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || $(BIN)/playwright install --with-deps chromium
	$(BIN)/python -m pytest $(PYTEST_ARGS) tests/browser

# Conversations over an edge and two workers: kill -9 in every state, what a message and a page cost, and 1,000 plans of 10 tasks
# while a worker is killed every 20 s. Fewer: make conversations CONVERSATIONS_PLANS=100 CONVERSATIONS_KILL_S=5. At last, as many
# plans over executors in one process.
conversations: $(DEV_STAMP)
	CONVERSATIONS_PLANS=$(or $(CONVERSATIONS_PLANS),1000) CONVERSATIONS_KILL_S=$(or $(CONVERSATIONS_KILL_S),20) \
	  $(BIN)/python -m pytest $(PYTEST_ARGS) -m conversations tests/truth
	CONVERSATIONS_PLANS=$(or $(CONVERSATIONS_PLANS),1000) $(BIN)/python -m pytest $(PYTEST_ARGS) tests/execution/test_many_plans.py

# Real processes under faults of all kinds: MINUTES=480 for a night.
chaos: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -s -m chaos tests/truth

# The openai SDK reads, while the store comes back empty, processes are killed and links cut: 5 minutes. SDK_MINUTES=60 for more.
sdk: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m sdk --show-capture=no tests/truth

# The bridge on the real OpenCode, which npm installs: 200 turns over 20 client sessions. BRIDGE_TURNS=20 for fewer.
bridge: $(DEV_STAMP)
	tests/bridge/run.sh

# The crash matrix over real processes, kill -9 at each of its points: three processes for each cell.
crashes: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m crashes tests/truth

# Callers with unequal loads at four full processes: their slots against fair shares. Five minutes; SHARES_S=20 for less.
shares: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m shares --show-capture=no tests/truth

# How soon a process has its share of the shards, and all shards of a dead one: leases of 1, 2 and 5 s. A minute.
takeover: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m takeover --show-capture=no tests/truth

# Whether two processes that hold 2,000 streams lose a chunk, or grow. Some seven minutes; HELD_S=60 HELD_STREAMS=500 for less.
held: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m held --show-capture=no tests/truth

# This build and that of a commit serve one deployment, and no request may fail: some two minutes.
side-by-side: $(DEV_STAMP)
	@test -n '$(COMMIT)' || { echo 'beside which commit? make side-by-side COMMIT=...' >&2; exit 2; }
	COMMIT='$(COMMIT)' PYTHONPATH=tests $(BIN)/python -m side_by_side.run

# A candidate that is worse, until its guard rolls it back: some minutes. CANDIDATE=breaks (as it ships), tools or slow says in
# which way. DRILL_RATE=40 has it found sooner.
release-drill: $(DEV_STAMP)
	CANDIDATE='$(CANDIDATE)' PYTHONPATH=tests $(BIN)/python -m release_drill.run

# Every property over 1,000 examples where `make test` tries 50: PROPERTY_EXAMPLES=10000 for more.
properties: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m hypothesis --hypothesis-profile=many $(addprefix --ignore=,$(APART)) tests

# Simulated deployments: SEEDS=10000 JOBS=2 many of them, SEED=7 one with its trace, WORLD=plans those with conversations.
simulate: $(DEV_STAMP)
	PYTHONPATH=tests $(BIN)/python -m simulation.simulate

# What a process keeps, measured: half an hour. Shorter: make memory MEMORY_REQUESTS=600 MEMORY_WAIT_S=10 MEMORY_SOAK_MIN=2
memory: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -s -m memory tests/soak

# Windows up to a million tokens over demo sites, crowds in a small one, then 10,000 conversations in one of 2,000: 6 minutes of CPU.
# Other windows: make budgets BUDGET_WINDOWS=4000,16000
budgets: $(DEV_STAMP)
	BUDGET_WINDOWS=$(or $(BUDGET_WINDOWS),2000$(comma)8000$(comma)128000$(comma)1000000) $(BIN)/python -m pytest $(PYTEST_ARGS) tests/system/test_budget_windows.py
	BUDGET_CROWDS=$(or $(BUDGET_CROWDS),6) $(BIN)/python -m pytest $(PYTEST_ARGS) tests/invariant/test_invariant.py -k windows
	BUDGET_CONVERSATIONS=$(or $(BUDGET_CONVERSATIONS),5000) $(BIN)/python -m pytest $(PYTEST_ARGS) tests/actors/test_budget_conversations.py

# The packs against an endpoint with one thing wrong, some seventy times: each must be caught. Some five minutes.
packs-mutations: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS) -s -m mutations tests/mutations

# A real Prometheus over a real process, with the configuration, the alerts and the dashboard of deploy/. Needs prometheus in PATH:
# Debian's package will do.
scrape: $(DEV_STAMP)
	@command -v prometheus >/dev/null || { echo 'make scrape needs prometheus in PATH' >&2; exit 2; }
	$(BIN)/python -m pytest $(PYTEST_ARGS) tests/scrape

clients: $(DEV_STAMP)
	tests/clients/run.sh
	tests/clients/run.sh loops
	tests/clients/run.sh agents

# The store's tests once against each server of this machine: Redis and Valkey in PATH, and those that packages ship.
# Another version: make servers PATH=/where/its/redis-server/is:$$PATH
servers: $(DEV_STAMP)
	@for server in $$($(BIN)/python tests/redis_server.py); do \
	  echo "the store on $$server"; \
	  STORE_SERVER=$$server $(BIN)/python -m pytest $(PYTEST_ARGS) tests/store || exit 1; \
	done

# Needs the network once, for the tool.
comply: $(DEV_STAMP)
	tests/comply/run.sh

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
