# `make demo` and `make test` need only Python 3.11-3.13, make and pip; they set up .venv by themselves.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell $(p) -c 'import sys; assert (3,11) <= sys.version_info[:2] <= (3,13); print(sys.executable)' 2>/dev/null)))
LOCK ?= envs/cpu.lock.txt
BIN := .venv/bin
FIGURE := results/figures/xnli_by_lang.pdf

.PHONY: demo test install judge lint clean

demo: install
	PATH="$(CURDIR)/$(BIN):$$PATH" HF_HUB_OFFLINE=1 snakemake --cores 8 $(FIGURE)
	@PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores 8 --quiet all -- report_partial
	@$(BIN)/python workflow/scripts/summary.py --table results/tables/xnli_scores.csv --figure $(FIGURE) --report results/report_partial.html

test: install lint
	@# Two processes that each compute with all threads wait for one another's.
	PATH="$(CURDIR)/$(BIN):$$PATH" HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not gpu" -n 2 tests

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint
	@for study in config/config.yaml config/maple.yaml config/studies/gemma.yaml; do \
	  PATH="$(CURDIR)/$(BIN):$$PATH" snakemake -n --quiet all --configfile $$study || exit 1; done

# One mark for each list of packages: another list is another environment.
INSTALLED := .venv/installed-$(notdir $(LOCK))

install: $(INSTALLED)

$(INSTALLED): $(LOCK)
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found: install one, or say make PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(LOCK)
	@rm -f .venv/installed*
	@touch $@

# What the AlpacaEval rules judge with; nothing else needs it.
judge: .venv-judge/installed

.venv-judge/installed: envs/judge.lock.txt
	test -x .venv-judge/bin/python || "$(PYTHON)" -m venv .venv-judge
	.venv-judge/bin/python -m pip install --quiet --disable-pip-version-check -r envs/judge.lock.txt
	@touch $@

clean:
	rm -rf .venv .venv-judge results .snakemake
