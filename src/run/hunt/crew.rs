//! Workers that keep every core busy. Each result is taken in the order in which its work was handed out, however many
//! workers there are.
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many pieces of work for each worker may be done and not yet taken, while an earlier one is still worked on.
const AHEAD: u64 = 64;

struct Desk<N> {
    next: N,
    handed_out: u64,
    taken: u64,
}

/// Hands work to `jobs` workers until `next` has none, and takes each result in the order of handing out.
pub(in crate::run) fn work<T: Send, R: Send>(
    jobs: NonZeroUsize,
    next: impl FnMut() -> Option<T> + Send,
    run: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R),
) {
    let desk = Mutex::new(Desk { next, handed_out: 0, taken: 0 });
    let room = Condvar::new();
    let most_ahead = AHEAD * jobs.get() as u64;
    let (done, results) = mpsc::channel();
    let worker = |done: mpsc::Sender<(u64, R)>| {
        loop {
            let (order, work) = {
                let mut desk = room
                    .wait_while(lock(&desk), |desk| desk.handed_out - desk.taken >= most_ahead)
                    .unwrap_or_else(PoisonError::into_inner);
                let Some(work) = (desk.next)() else { return };
                desk.handed_out += 1;
                (desk.handed_out - 1, work)
            };
            if done.send((order, run(work))).is_err() {
                return;
            }
        }
    };
    #[expect(clippy::disallowed_methods, reason = "worlds run beside each other, each on its own thread")]
    std::thread::scope(|scope| {
        for _ in 0..jobs.get() {
            let done = done.clone();
            scope.spawn(|| worker(done));
        }
        drop(done);
        let mut early = BTreeMap::new();
        let mut expected = 0;
        for (order, result) in results {
            early.insert(order, result);
            while let Some(result) = early.remove(&expected) {
                take(result);
                expected += 1;
            }
            lock(&desk).taken = expected;
            room.notify_all();
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn jobs(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).expect("at least one")
    }

    #[test]
    fn results_come_in_order_whoever_is_first_done() {
        for count in [1, 2, 7] {
            let mut left = 0..500;
            let mut taken = Vec::new();
            // Uneven work, so that later pieces are done before earlier ones.
            let run = |n: u64| {
                std::hint::black_box((0..n * 7919 % 1000).fold(n, |sum, add| std::hint::black_box(sum ^ add)));
                n
            };
            work(jobs(count), || left.next(), run, |result| taken.push(result));
            assert_eq!(taken, (0..500).collect::<Vec<_>>());
        }
    }

    #[test]
    fn all_workers_work_at_one_time() {
        let all_here = Barrier::new(3);
        let mut left = 0..3;
        let mut taken = 0;
        // Would wait for ever if one worker did all three.
        work(jobs(3), || left.next(), |_| all_here.wait().is_leader(), |leader| taken += u32::from(leader));
        assert_eq!(taken, 1);
    }

    #[test]
    fn nobody_runs_far_ahead_of_a_slow_piece() {
        let begun = AtomicU64::new(0);
        let (mut most, mut left) = (0, 0..5000u64);
        // The first piece waits until the other worker has used up all its room; then everything is taken.
        let window = AHEAD * 2;
        let run = |n: u64| {
            begun.fetch_add(1, Ordering::SeqCst);
            while n == 0 && begun.load(Ordering::SeqCst) < window {
                std::hint::spin_loop();
            }
            begun.load(Ordering::SeqCst)
        };
        work(
            jobs(2),
            || left.next(),
            run,
            |seen| {
                if most == 0 {
                    most = seen;
                }
            },
        );
        assert_eq!(most, window, "when the first piece was done, no more had begun than the window holds");
    }

    #[test]
    fn no_work_is_no_result() {
        work(jobs(4), || None::<u64>, |n| n, |_| panic!("there was none"));
    }
}
