#!/usr/bin/env bash
# Builds the images without a Docker engine and starts each: web, worker and function answer, prepare and trainer do
# the stages of a run, from a chat to an adapter. All run as user 10001 with a read-only root.
# Needs root and, from Debian: buildah podman runc debootstrap. The base is Debian's Python under the name of the
# real one, so this proves the Dockerfile, not the base.
#   [MOUNT="FOLDER …"] deploy/test_images.sh [TARGET…]
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$PWD/.cache/images
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(function prepare web trainer worker)
for tool in buildah podman runc debootstrap; do
  command -v "$tool" > /dev/null || { echo "$tool is missing. Run: apt-get install buildah podman runc debootstrap" >&2; exit 1; }
done
mkdir -p "$cache"
# A store of its own, of shared layers where the kernel has them.
cat > "$cache/storage.conf" << CONF
[storage]
driver = "${STORAGE_DRIVER:-overlay}"
graphroot = "$cache/storage"
runroot = "$cache/run"
CONF
export CONTAINERS_STORAGE_CONF=$cache/storage.conf BUILDAH_ISOLATION=chroot
unset STORAGE_DRIVER
if [ ! -e "$cache/rootfs.done" ]; then
  rm -rf "$cache/rootfs"
  debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python3-pip bookworm "$cache/rootfs" > "$cache/debootstrap.log"
  touch "$cache/rootfs.done"
fi
if ! buildah inspect docker.io/library/python:3.11-slim > /dev/null 2>&1; then
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$cache/rootfs" / > /dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah commit --quiet "$container" docker.io/library/python:3.11-slim > /dev/null
  buildah rm "$container" > /dev/null
fi
# What this machine needs to reach its package index is this machine's business, not the image's: MOUNT names folders.
pip=()
for file in /etc/pip.conf /etc/resolv.conf; do [ -e "$file" ] && pip+=(-v "$file:$file:ro"); done
for folder in /etc/ssl/certs ${MOUNT:-}; do [ -d "$folder" ] && pip+=(-v "$folder:$folder:ro"); done
for target in "${targets[@]}"; do
  echo "building $target"
  buildah bud --quiet --format docker --pull-never --layers --network host "${pip[@]}" --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    -f deploy/Dockerfile --target "$target" -t "localhost/twin/$target" . > "$cache/$target.log" 2>&1 || { tail -30 "$cache/$target.log" >&2; exit 1; }
done

run=(podman --runtime runc run --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --network host --read-only --tmpfs /tmp)
work=$(mktemp -d)
trap 'podman rm --all --force > /dev/null 2>&1 || true; rm -rf "$work"' EXIT
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# answers NAME URL [BODY]: waits until the container NAME answers, and looks who it is.
answers() {
  for _ in $(seq 400); do
    if python3 - "${@:2}" 2> /dev/null << 'PY'; then
import sys, urllib.request
body = sys.argv[2].encode() if len(sys.argv) > 2 else None
urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"}), timeout=60)
PY
      podman healthcheck run "$1" > /dev/null || { echo "$1 is not healthy" >&2; exit 1; }
      [ "$(podman exec "$1" id -u)" = 10001 ] || { echo "$1 does not run as 10001" >&2; exit 1; }
      podman rm --force "$1" > /dev/null 2>&1
      return
    fi
    sleep 0.3
  done
  podman logs "$1" >&2
  echo "$1 does not answer" >&2
  exit 1
}

for target in "${targets[@]}"; do
  at=$(port)
  case $target in
    web | worker)
      training=()
      [ "$target" = worker ] || training=(--no-worker)
      "${run[@]}" --name "$target" --env PORT="$at" --detach "localhost/twin/$target" twin serve --host 127.0.0.1 --port "$at" "${training[@]}" > /dev/null
      answers "$target" "http://127.0.0.1:$at/"
      echo "$target: answers and is healthy, as user 10001, its root read-only"
      ;;
    function)
      "${run[@]}" --name function --env PORT="$at" --env TWIN_OBJECTS=file:/tmp/objects --detach localhost/twin/function \
        functions-framework --target main --signature-type cloudevent --source main.py --host 127.0.0.1 --port "$at" > /dev/null
      data=$(printf '{"id": "u1", "created_at": "2026-01-02T12:00:00+00:00"}' | base64 -w0)
      push='{"message": {"data": "'$data'", "attributes": {"kind": "sign-up"}, "messageId": "1", "publishTime": "2026-01-02T12:00:00Z"}, "subscription": "projects/p/subscriptions/s"}'
      answers function "http://127.0.0.1:$at/projects/p/topics/t" "$push"
      echo "function: takes a sign-up that Pub/Sub pushes and is healthy, as user 10001, its root read-only"
      ;;
    prepare | trainer)
      stages=(ingest prepare)
      [ "$target" = prepare ] || stages=(train convert)
      [ -e "$work/id" ] || PYTHONPATH=. .venv-cloud/bin/python -m tests.gcp.image_home "$work/twin" > "$work/id"
      for stage in "${stages[@]}"; do
        "${run[@]}" --rm --env TWIN_HOME="$work/twin/home" -v "$work/twin:$work/twin" "localhost/twin/$target" twin stage "$stage" "$(cat "$work/id")"
      done
      echo "$target: does ${stages[*]}, as user 10001, its root read-only"
      ;;
  esac
done
