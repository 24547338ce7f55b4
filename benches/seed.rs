//! What a seed costs, as a hunt runs it: thread, world, judging; with the binary's allocator.
//!
//! ```text
//! cargo bench -p lizard-benches --bench seed
//! ```
#![allow(missing_docs, reason = "criterion's macro makes a public function")]
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use giant_lizard::allocator::Mimalloc;
use giant_lizard::run::{Mode, run};
use giant_lizard::scenario::load;
use std::path::Path;

#[global_allocator]
static ALLOCATOR: Mimalloc = Mimalloc;

fn seeds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seed");
    group.sample_size(30);
    for name in ["giant-lizard", "streams-failover", "chaos"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../scenarios/{name}.yaml"));
        let loaded = load(&file).expect("it is ours");
        let mut seed = 0;
        let mut next = || {
            seed += 1;
            loaded.plan(seed)
        };
        group.bench_function(name, |bencher| {
            let judged = |plan| run(&plan, Mode::FirstViolation).expect("it can be judged");
            bencher.iter_batched(&mut next, judged, BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, seeds);
criterion_main!(benches);
