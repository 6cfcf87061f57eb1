# Google Cloud: tests against emulators, and setting up and taking down the real thing. Included by ../Makefile.
CLOUD := .venv-cloud
EMULATORS := $(patsubst requirements/emulators-%.txt,.cache/emulators/%,$(wildcard requirements/emulators-*.txt))
CHECKS := .cache/cloud-checks
CLOUD_EXTRAS := base chat formats gcp gemini postgres train web
CLOUD_INSTALL := -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps

.PHONY: test-cloud lock-cloud

$(CLOUD)/stamp: requirements/gcp.txt pyproject.toml
	@test -x $(CLOUD)/bin/python || $(PYTHON) -m venv $(CLOUD)
	@echo "installing twin with Google's packages into $(CLOUD) (once, about 1.2 GB)"
	@$(CLOUD)/bin/python $(CLOUD_INSTALL) -r requirements/gcp.txt
	@$(CLOUD)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(CLOUD)/bin/python -m compileall -q $(CLOUD)/lib || true
	@touch $@

# Emulators and checkers pin what the clients do not take, so each has an environment of its own.
.cache/emulators/%/stamp: requirements/emulators-%.txt
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@echo "installing the emulator $* into $(@D)"
	@$(@D)/bin/python $(CLOUD_INSTALL) -r $<
	@$(@D)/bin/python -m compileall -q $(@D)/lib || true
	@touch $@

$(CHECKS)/stamp: requirements/cloud-checks.txt
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@echo "installing the checkers of Dockerfile, Cloud Build and Terraform into $(@D)"
	@$(@D)/bin/python $(CLOUD_INSTALL) -r $<
	@touch $@

test-cloud: $(CLOUD)/stamp $(addsuffix /stamp,$(EMULATORS)) $(CHECKS)/stamp ## Test the Google Cloud parts against emulators
	@$(CLOUD)/bin/python -m pytest -m cloud tests/contracts tests/gcp

lock-cloud: ## Resolve the lock files of the Google Cloud parts anew (needs uv)
	$(LOCK) $(addprefix --extra ,$(CLOUD_EXTRAS)) --group build --group test -o requirements/gcp.txt
