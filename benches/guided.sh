#!/usr/bin/env bash
# Builds a lizard that is guided by a profile of its own hunts: built once to count what is done how often, let hunt, and
# built again so that what is done often lies together and runs straight. More seeds a second, the same histories.
#
#   bash benches/guided.sh        makes target/guided/lizard
set -euo pipefail
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
profdata=$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata
[[ -x $profdata ]] || rustup component add llvm-tools
counts=$PWD/target/guided/counts

# An environment variable replaces the flags of .cargo/config.toml, so its flag is said again. With a target named, they are
# not for build scripts and procedural macros.
build() {
    RUSTFLAGS="--cfg tokio_unstable $1" cargo build --release --locked --bin lizard --target "$host" --target-dir target/guided
}
lizard=target/guided/$host/release/lizard

build "-Cprofile-generate=$counts"
rm -rf "$counts"
"$lizard" hunt scenarios/giant-lizard.yaml --seeds 0..60 --no-save >/dev/null
"$lizard" hunt scenarios/{everything,chaos,all-three-modes}.yaml --seeds 0..8 --no-save >/dev/null
"$profdata" merge -o "$counts.profdata" "$counts"
build "-Cprofile-use=$counts.profdata"
cp "$lizard" target/guided/lizard
echo "target/guided/lizard"
