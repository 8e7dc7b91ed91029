#!/bin/bash
# The DSP build of the kernels, on an emulated Cortex-M7 and M4, must print the checksums of the portable build on the host.
# Exit code 77 (skipped) without the cross compiler or QEMU.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
for tool in arm-none-eabi-gcc qemu-system-arm; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=("$here/kernels_dsp.c" "$root"/compiler/kernels/*.c)
flags=(-std=c99 -O2 -ffp-contract=off -Wall -Wextra -Werror -I"$root")

${CC:-cc} "${flags[@]}" "${sources[@]}" -o "$work/host"
"$work/host" >"$work/expected"

status=0
check() { # name, QEMU machine, compiler options
  local name=$1 machine=$2
  shift 2
  arm-none-eabi-gcc "${flags[@]}" "$@" -mthumb -mfloat-abi=hard -nostartfiles -T "$here/mps2.ld" \
    "${sources[@]}" -o "$work/$name.elf"
  if timeout 120 qemu-system-arm -M "$machine" -nographic -monitor none -serial none \
    -chardev file,id=out,path="$work/$name" -semihosting-config enable=on,target=native,chardev=out \
    -kernel "$work/$name.elf" &&
    diff "$work/expected" "$work/$name"; then
    echo "$name: same checksums"
  else
    echo "$name: DIFFERENT"
    status=1
  fi
}
check cortex-m7-dsp mps2-an500 -mcpu=cortex-m7 -mfpu=fpv5-d16
check cortex-m4-dsp mps2-an386 -mcpu=cortex-m4 -mfpu=fpv4-sp-d16
check cortex-m7-portable mps2-an500 -mcpu=cortex-m7 -mfpu=fpv5-d16 -DMCUNET_PORTABLE
exit $status
