# The words of daily work. Everything is installed outside the tree (see .ci/venv.py); nothing is installed
# again when nothing changed. Options go in as variables: `make demo REPO=~/src/shop`, `make test ARGS='-k rulesets'`.

PYTHON ?= python3
WORKERS ?= auto
REPO ?=
ARGS ?=
export REPO

STACKS := $(wildcard stacks/config/Pulumi.*.yaml examples/*/Pulumi.*.yaml)
IN_VENV = bin="$$($(PYTHON) .ci/venv.py)" && PATH="$$bin:$$PATH" && export PATH &&

.DEFAULT_GOAL := help
.PHONY: help demo test check guarantee conformance bench lock clean

help:
	@echo 'make demo [REPO=path]   the main job, end to end, on this machine'
	@echo 'make test [ARGS=...]    the test suite'
	@echo 'make check              format, lint, types, workflows, schema, docs'
	@echo 'make guarantee          who can change what: predicted, tried with real pushes, weakened, audited'
	@echo 'make conformance        the upstream provider'"'"'s own acceptance tests, on the sandbox forge'
	@echo 'make bench              time and memory, as ratios'
	@echo 'make lock               requirements.lock anew from pyproject.toml'
	@echo 'make clean              what make and the tests left behind, in the tree and of this checkout in the cache'

demo:
	@$(IN_VENV) gitops-infra demo $${REPO:+--repo "$$REPO"} $(ARGS)

test:
	@$(IN_VENV) gitops-infra tools build && pytest -n $(WORKERS) --dist worksteal $(ARGS)

check:
	@$(IN_VENV) set -ex; \
	bash -n .ci/run; \
	ruff format --check; \
	ruff check; \
	mypy; \
	gitops-infra schema --check; \
	rendered="$$(mktemp -d)"; trap 'rm -rf "$$rendered"' EXIT; \
	for stack in $(STACKS); do gitops-infra render "$$stack" -o "$$rendered/$$stack"; done; \
	zizmor --offline --persona auditor --no-progress "$$rendered"; \
	pytest -q tests/docs

guarantee:
	@$(IN_VENV) gitops-infra tools build && python -m guarantee $(ARGS)

conformance:
	@$(IN_VENV) python -m conformance $(ARGS)

bench:
	@$(IN_VENV) gitops-infra tools build && python -m bench $(ARGS)

lock:
	@$(IN_VENV) uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --extra cli --extra sandbox --extra dev pyproject.toml -o requirements.lock

clean:
	@$(PYTHON) .ci/venv.py --clean
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build dist
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
