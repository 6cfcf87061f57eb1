# Twin broken on purpose, and what it is made of. Included by Makefile. LONG=1 takes hours where the default takes minutes.
.PHONY: chaos fuzz audit soak soak-serve lock-checks

chaos: $(VENV)/dev.stamp ## Faults, kills and shortages in every stage; LONG=1 for every operation and 200 kills
	@$(BIN)/python -m tests.chaos $(if $(LONG),--long) $(ARGS)

$(VENV)/fuzz.stamp: $(VENV)/dev.stamp requirements/fuzz.txt
	@$(PIP_INSTALL) -r requirements/fuzz.txt
	@touch $@

fuzz: $(VENV)/fuzz.stamp ## Parsers, zips, API and forms, guided by coverage, for five minutes; LONG=1 for two hours
	@TWIN_LONG_TESTS=1 $(BIN)/python -m pytest -m hypothesis tests
	@$(BIN)/python -m tests.fuzz_parse --seconds $(if $(LONG),1200,60)
	@$(BIN)/python -m tests.fuzz --seconds $(if $(LONG),6000,240) $(ARGS)

AUDIT := .venv-audit
$(AUDIT)/stamp: requirements/audit.txt
	@test -x $(AUDIT)/bin/python || $(PYTHON) -m venv $(AUDIT)
	@$(subst $(BIN),$(AUDIT)/bin,$(PIP_INSTALL)) -r requirements/audit.txt
	@touch $@

audit: $(AUDIT)/stamp $(VENV)/run.stamp ## Advisories, licences, a bill of materials, suspect code
	@$(AUDIT)/bin/python -m tests.security.audit $(ARGS)

soak: $(VENV)/dev.stamp ## Fifty people sign up, upload, chat and delete for three minutes; LONG=1 for an hour
	@PYTHONPATH=. $(BIN)/python bench/people.py --minutes $(if $(LONG),60,3) $(ARGS)

soak-serve: $(VENV)/dev.stamp ## Ten thousand requests while twins come, go and break
	@PYTHONPATH=. $(BIN)/python bench/serve.py --soak 10000

lock-checks: ## Resolve the lock files of the checks anew (needs uv)
	$(subst pyproject.toml,requirements/audit.in,$(LOCK)) -o requirements/audit.txt
	$(subst pyproject.toml,requirements/fuzz.in,$(LOCK)) -o requirements/fuzz.txt
