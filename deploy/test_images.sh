#!/usr/bin/env bash
# Builds the images without a Docker engine and starts two of them: the web app answers, the trainer runs a stage.
# Needs root and, from Debian: buildah podman runc debootstrap. The base is Debian's Python under the name of the
# real one, so this proves the Dockerfile, not the base.
#   deploy/test_images.sh [TARGET…]
set -euo pipefail
cd "$(dirname "$0")/.."
cache=.cache/images
targets=("${@:-}")
[ -n "${targets[0]}" ] || targets=(web trainer)
for tool in buildah podman runc debootstrap; do
  command -v "$tool" > /dev/null || { echo "$tool is missing. Run: apt-get install buildah podman runc debootstrap" >&2; exit 1; }
done
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
mkdir -p "$cache"
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
# What this machine needs to reach its package index is this machine's business, not the image's.
pip=()
for file in /etc/pip.conf /etc/resolv.conf; do [ -e "$file" ] && pip+=(-v "$file:$file:ro"); done
for folder in /etc/ssl/certs /opt/pypi /opt/wheels; do [ -d "$folder" ] && pip+=(-v "$folder:$folder:ro"); done
for target in "${targets[@]}"; do
  echo "building $target"
  buildah bud --quiet --format docker --pull-never --layers --network host "${pip[@]}" --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    -f deploy/Dockerfile --target "$target" -t "localhost/twin/$target" .
done

run=(podman --runtime runc run --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --network host --read-only --tmpfs /tmp)
for target in "${targets[@]}"; do
  case $target in
    web)
      port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
      trap 'podman rm --force twin-test-web > /dev/null 2>&1 || true' EXIT
      "${run[@]}" --name twin-test-web --detach localhost/twin/web twin serve --host 127.0.0.1 --port "$port" --no-worker > /dev/null
      for _ in $(seq 100); do
        if python3 -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/', timeout=5)" 2> /dev/null; then
          answered=yes
          break
        fi
        sleep 0.3
      done
      [ "${answered:-}" = yes ] || { podman logs twin-test-web >&2; echo "web does not answer" >&2; exit 1; }
      [ "$(podman exec twin-test-web id -u)" = 10001 ] || { echo "web does not run as 10001" >&2; exit 1; }
      podman rm --force twin-test-web > /dev/null 2>&1
      echo "web: answers, as user 10001, its root read-only"
      ;;
    prepare | trainer)
      # A run that is not there: the command, the settings and the records all work up to that.
      said=$("${run[@]}" --rm "localhost/twin/$target" twin stage ingest nothing 2>&1) && status=0 || status=$?
      [ "$status" = 2 ] && [[ $said == *"no run with the id nothing"* ]] || { echo "$target: $said" >&2; exit 1; }
      echo "$target: twin stage runs"
      ;;
    *) "${run[@]}" --rm "localhost/twin/$target" twin --version ;;
  esac
done
