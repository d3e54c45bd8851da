#!/bin/sh
# Rebuilds the objects from the C beside them. Needs clang-19 and libbpf-dev; `DIR` (default: here) gets the objects.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
cd "$here"
for source in *.bpf.c; do
	${CLANG:-clang-19} -O2 -g -mcpu=v3 -target bpf -Wall -I"/usr/include/$(uname -m)-linux-gnu" \
		-fdebug-prefix-map="$here"=. -c "$source" -o "$out/${source%.c}.o"
	${STRIP:-llvm-strip-19} -g "$out/${source%.c}.o"
done
