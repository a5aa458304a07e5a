# shellcheck shell=bash
# What the scripts share: messages, missing packages, building a preset. Sourced, never run.
set -euo pipefail
unset CDPATH # it would make cd print

root_dir="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"

# ---- Messages -------------------------------------------------------------------------------------------

# A heading. Bold on a terminal only.
section() {
  if [[ -t 1 ]]; then
    printf '\n\033[1m== %s ==\033[0m\n' "$*"
  else
    printf '\n== %s ==\n' "$*"
  fi
}

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Prints a command so that it can be pasted into a shell.
show_command() {
  local word line='$'
  for word in "$@"; do line+=" $(printf '%q' "$word")"; done
  say "$line"
}

# Runs a command and shows what it printed only if it failed.
run_quietly() {
  local output status=0
  output="$("$@" 2>&1)" || status=$?
  if ((status != 0)); then
    printf '%s\n' "$output" >&2
    show_command "$@" >&2
  fi
  return "$status"
}

# ---- Packages -------------------------------------------------------------------------------------------

# What each package is for: need_packages says so when it installs one.
declare -gA package_use=(
  [git]='lists the files that are checked'
  [g++]='the C++20 compiler'
  [cmake]='configures the build'
  [ninja-build]='runs the build'
  [ccache]='makes building again fast'
  [libcgroup-dev]='finds and makes version 1 control groups'
  [libboost-dev]='Asio, the event loop of the supervisor'
  [libspdlog-dev]='logging'
  [libfmt-dev]='formatting, used by the logging'
  [nlohmann-json3-dev]='JSON output'
  [libsqlite3-dev]='the store of past runs'
  [libexpected-dev]='errors as values'
  [libcli11-dev]='the command line'
  [libtomlplusplus-dev]='the configuration file'
  [libsodium-dev]='signatures and hashes'
  [zlib1g-dev]='reading histories that are packed with gzip'
  [libtree-sitter-dev]='parsing sources, for `jobward scan`'
  [libsystemd-dev]='asking systemd for scopes (loaded at run time, when there is one)'
  [catch2]='the unit tests'
  [ca-certificates]='whom to believe when downloading'
  [curl]='downloads what Debian does not have: a grammar, and the engine of the verification'
  [npm]='the real MCP clients, for the tests'
  [python3]='the example and the integration tests'
  [qemu-system-x86]='the virtual machines of the tests'
  [busybox-static]='the small test machine, and the start of the other'
  [e2fsprogs]='makes the disks of the test machines'
  [mmdebstrap]='makes the systemd test machine'
  [util-linux]='mkswap, for the swap of the test machines; setpriv, unshare'
  [clang]='the build with sanitizers'
  [clang-format]='checks the formatting'
  [clang-tidy]='static analysis'
  [libbenchmark-dev]='the micro-benchmarks'
  [cgroup-tools]='cgexec, to compare with'
  [hyperfine]='timing of whole commands'
)

# shellcheck disable=SC2034  # these lists are for the scripts that source this file
{
  build_packages=(g++ cmake ninja-build ccache libcgroup-dev libboost-dev libspdlog-dev libfmt-dev
    nlohmann-json3-dev libsqlite3-dev libexpected-dev libcli11-dev libtomlplusplus-dev libsodium-dev libsystemd-dev
    zlib1g-dev libtree-sitter-dev curl ca-certificates)
  test_packages=(catch2 python3 qemu-system-x86 busybox-static e2fsprogs mmdebstrap util-linux)
  lint_packages=(clang clang-format clang-tidy)
  bench_packages=(libbenchmark-dev cgroup-tools hyperfine)
}

# Prints those of the packages named that are not installed, one a line. Needs dpkg-query.
missing_packages() {
  local name status
  local -A installed=()
  # One question for all of them. It fails when any is unknown, and that is an answer too.
  while read -r name status; do
    [[ $status == installed ]] && installed[$name]=yes
  done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for name in "$@"; do
    [[ -n ${installed[$name]:-} ]] || printf '%s\n' "$name"
  done
}

# Runs a command as root: directly, or with sudo.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    die "needs root or sudo for: $*"
  fi
}

apt_get() {
  # Another apt may be at work on a machine that was just booted: wait for it a little.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@"
}

# need_packages PACKAGE...: installs those that are missing, and says which and what for. Touches neither
# the network nor apt when there are none. JOBWARD_SKIP_PACKAGES=1 trusts the caller that all are there.
need_packages() {
  [[ ${JOBWARD_SKIP_PACKAGES:-} != 1 ]] || return 0
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    die "cannot install packages: this is not Debian or Ubuntu (no apt). Install what these Debian packages" \
      "contain, then run again with JOBWARD_SKIP_PACKAGES=1: $*"
  fi
  local -a missing=()
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0

  local name
  say "Installing ${#missing[@]} missing package(s):"
  for name in "${missing[@]}"; do
    printf '  %-20s %s\n' "$name" "${package_use[$name]:-}"
  done
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    die "neither root nor sudo here. As root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  run_quietly apt_get update || die "apt-get update failed (above)"
  run_quietly apt_get install -y --no-install-recommends "${missing[@]}" || die "apt-get install failed (above)"
}

# The MCP clients of the tests come from npm. It belongs to Debian's package of that name, or to a nodejs from elsewhere,
# which that package would conflict with.
need_npm() {
  command -v npm >/dev/null || need_packages npm
}

# ---- Building -------------------------------------------------------------------------------------------

# Lets CMake put ccache before the compiler, if there is one with a cache that it can write.
use_ccache() {
  local cache
  command -v ccache >/dev/null || return 0
  if ! cache="$(ccache --get-config cache_dir 2>/dev/null)" || ! mkdir -p -- "$cache" 2>/dev/null ||
    [[ ! -w $cache ]]; then
    export CCACHE_DISABLE=1 # the checkout may be configured for ccache already; it then only passes on
    return 0
  fi
  export CMAKE_C_COMPILER_LAUNCHER="${CMAKE_C_COMPILER_LAUNCHER-ccache}"
  export CMAKE_CXX_COMPILER_LAUNCHER="${CMAKE_CXX_COMPILER_LAUNCHER-ccache}"
  # Another checkout, CI's for one, finds what this one has compiled.
  export CCACHE_BASEDIR="${CCACHE_BASEDIR-$root_dir}" CCACHE_NOHASHDIR="${CCACHE_NOHASHDIR-1}"
  # Precompiled headers need the first two; the others keep hits after a fresh clone, where every file is new.
  export CCACHE_SLOPPINESS="${CCACHE_SLOPPINESS-pch_defines,time_macros,include_file_mtime,include_file_ctime}"
}

# What is built in and is no Debian package. Without the network the build goes on and leaves `scan` out.
fetch_parts() {
  "$root_dir/scripts/fetch-grammars" ||
    printf '%s: this build will have no `jobward scan`: its grammar could not be fetched (above)\n' "${0##*/}" >&2
}

# Configures build/PRESET. Quick when nothing changed.
configure_preset() {
  local preset=$1
  fetch_parts
  use_ccache
  (cd -- "$root_dir" && run_quietly cmake --preset "$preset") || die "cmake --preset $preset failed (above)"
}

# build_preset PRESET [TARGET...]: configures and builds build/PRESET, all of it unless targets are named.
build_preset() {
  local preset=$1
  shift
  local -a command=(cmake --build --preset "$preset")
  (($# == 0)) || command+=(--target "$@")
  # Ninja's own default is two more than there are processors: too much memory for a small machine.
  export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"
  configure_preset "$preset"
  show_command "${command[@]}"
  (cd -- "$root_dir" && "${command[@]}") || die "the build of preset $preset failed (above)"
}
