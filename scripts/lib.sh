# Functions shared by scripts/*; source it, do not run it. Sets ROOT and works from there.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit 1
PRESET=${MCUNET_PRESET:-release}
BIN=$ROOT/build/$PRESET/bin

PACKAGES=(
  cmake ninja-build g++ ccache pkg-config make jq
  libcli11-dev nlohmann-json3-dev libspdlog-dev flatbuffers-compiler libflatbuffers-dev catch2
  libjpeg62-turbo-dev libpng-dev zlib1g-dev libmd-dev libonnx-dev libprotobuf-dev libcurl4-openssl-dev
  libunicorn-dev libcapstone-dev
  gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm clang
)
TORCH_PACKAGES=(libtorch-dev libgloo-dev libopenblas0-pthread dataset-fashion-mnist)

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# Prints those of the named Debian packages that are not installed.
missing_packages() {
  local installed package
  installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    awk '$1 == "installed" { printf "%s ", $2 }')"
  for package in "$@"; do
    [[ $installed == *" $package "* ]] || printf '%s\n' "$package"
  done
}

as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "installing packages needs root: run as root, or install sudo"
  fi
}

install_packages() {
  local log
  as_root true
  log=$(mktemp)
  say "installing: $*"
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 ||
    ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      "$@" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install: $*
  Without a network, install these packages from a local mirror and run ./scripts/setup again."
  fi
  rm -f "$log"
}

# Installs what is missing, and touches neither network nor apt when nothing is.
# --without-torch leaves out LibTorch (3 GB installed): no search on own data, no training.
setup() {
  local wanted=("${PACKAGES[@]}") missing argument
  local torch=yes
  for argument in "$@"; do
    case $argument in
      --without-torch) torch=no ;;
      *) fail "unknown option $argument (known: --without-torch)" ;;
    esac
  done
  command -v dpkg-query >/dev/null ||
    fail "setup knows Debian and Ubuntu only; third_party/README.md lists what to install"
  [[ $torch == no ]] || wanted+=("${TORCH_PACKAGES[@]}")
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
}

configure() {
  local torch=ON
  [[ -z $(missing_packages "${TORCH_PACKAGES[@]}") ]] || torch=OFF
  cmake --preset "$PRESET" -DMCUNET_WITH_TORCH=$torch "$@" >"$ROOT/build/configure.log" 2>&1 || {
    cat "$ROOT/build/configure.log" >&2
    fail "configuring failed"
  }
}

# Configures and builds the preset; prints the compiler's output only when it fails.
build() {
  mkdir -p "$ROOT/build"
  configure
  cmake --build --preset "$PRESET" -j "$(nproc)" -- "$@" >"$ROOT/build/build.log" 2>&1 || {
    tail -n 60 "$ROOT/build/build.log" >&2
    fail "the build failed (whole log: build/build.log)"
  }
}

# For programs that link LibTorch; mcunet sets the same for itself (apps/mcunet/torch_door.cpp says why).
prepare_libraries() {
  export OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=passive
  if grep -q avx512vl /proc/cpuinfo; then
    export OPENBLAS_CORETYPE=SkylakeX
  elif grep -q avx2 /proc/cpuinfo; then
    export OPENBLAS_CORETYPE=Haswell
  fi
}
